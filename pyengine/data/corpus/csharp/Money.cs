namespace Example.Accounting
{
    using System.Globalization;

    public enum Currency { Euro = 978, Dollar = 840, Pound = 826 }

    public readonly struct Money : IEquatable<Money>, IComparable<Money>
    {
        public static readonly Money Zero = default;

        public Money(decimal amount, Currency currency)
        {
            Amount = decimal.Round(amount, 2);
            Currency = currency;
        }

        public decimal Amount { get; }
        public Currency Currency { get; }

        public static Money operator +(in Money left, in Money right)
        {
            if (left.Currency != right.Currency)
            {
                throw new InvalidOperationException("cannot add different currencies");
            }
            return new Money(checked(left.Amount + right.Amount), left.Currency);
        }

        public static implicit operator decimal(Money money) => money.Amount;

        public bool Equals(Money other) => Amount == other.Amount && Currency == other.Currency;

        public override bool Equals(object? other) => other is Money money && Equals(money);

        public override int GetHashCode() => HashCode.Combine(Amount, Currency);

        public int CompareTo(Money other) => Amount.CompareTo(other.Amount);

        public override string ToString()
        {
            string symbol = Currency switch
            {
                Currency.Euro => "€",
                Currency.Dollar => "$",
                Currency.Pound => "£",
                _ => "?",
            };
            return symbol + Amount.ToString("N2", CultureInfo.InvariantCulture);
        }
    }
}
