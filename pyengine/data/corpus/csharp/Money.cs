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

        /// <summary>
        /// Splits the amount by weights so that no cent is lost: what rounding leaves goes to the
        /// first shares, a cent each.
        /// </summary>
        public Money[] Allocate(params int[] weights)
        {
            int total = 0;
            foreach (int weight in weights)
            {
                total += weight >= 0 ? weight : throw new ArgumentException("a weight is negative");
            }

            var shares = new Money[weights.Length];
            decimal left = Amount;
            for (int i = 0; i < weights.Length; i++)
            {
                decimal share = decimal.Truncate(Amount * 100 * weights[i] / total) / 100;
                shares[i] = new Money(share, Currency);
                left -= share;
            }

            for (int i = 0; left != 0; i++)
            {
                decimal cent = Math.Sign(left) * 0.01m;
                shares[i] = new Money(shares[i].Amount + cent, Currency);
                left -= cent;
            }
            return shares;
        }

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
