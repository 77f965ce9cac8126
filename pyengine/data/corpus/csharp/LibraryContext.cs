using Microsoft.EntityFrameworkCore;
using Microsoft.EntityFrameworkCore.Metadata.Builders;

namespace Library.Data;

public class Book
{
    public int Id { get; set; }
    public required string Isbn { get; init; }
    public string Title { get; set; } = "";
    public ICollection<Loan> Loans { get; } = new List<Loan>();
}

public class Loan
{
    public long Id { get; set; }
    public Book Book { get; set; } = null!;
    public int MemberId { get; set; }
    public DateTimeOffset LentAt { get; set; }
    public DateTimeOffset? ReturnedAt { get; set; }
}

public class LibraryContext(DbContextOptions<LibraryContext> options) : DbContext(options)
{
    public DbSet<Book> Books => Set<Book>();
    public DbSet<Loan> Loans => Set<Loan>();

    protected override void OnModelCreating(ModelBuilder model)
    {
        model.HasDefaultSchema("library");
        model.ApplyConfiguration(new BookConfiguration());
        model.Entity<Loan>(loan =>
        {
            loan.HasOne(l => l.Book).WithMany(b => b.Loans).OnDelete(DeleteBehavior.Restrict);
            loan.HasIndex(l => l.MemberId).HasFilter("returned_at IS NULL");
            loan.ToTable(table => table.HasCheckConstraint("ck_order", "returned_at >= lent_at"));
        });
    }

    private sealed class BookConfiguration : IEntityTypeConfiguration<Book>
    {
        public void Configure(EntityTypeBuilder<Book> book)
        {
            book.Property(b => b.Isbn).HasMaxLength(13).IsFixedLength();
            book.HasIndex(b => b.Isbn).IsUnique();
            book.Property(b => b.Title).HasMaxLength(300);
            book.HasQueryFilter(b => !EF.Property<bool>(b, "Discarded"));
            book.Property<bool>("Discarded");
        }
    }
}

public static class LoanQueries
{
    /// <summary>Loans that should have come back before the given day, the oldest first.</summary>
    public static IQueryable<Loan> Overdue(this IQueryable<Loan> loans, DateTimeOffset today, int days = 28)
    {
        var limit = today.AddDays(-days);
        return loans
            .Where(l => l.ReturnedAt == null && l.LentAt < limit)
            .OrderBy(l => l.LentAt);
    }

    public static Task<Dictionary<int, int>> CountByMemberAsync(this LibraryContext db, CancellationToken ct) =>
        db.Loans
            .AsNoTracking()
            .Where(l => l.ReturnedAt == null)
            .GroupBy(l => l.MemberId)
            .Select(g => new { Member = g.Key, Count = g.Count() })
            .ToDictionaryAsync(g => g.Member, g => g.Count, ct);

    public static async Task<bool> ReturnAsync(this LibraryContext db, long loanId, DateTimeOffset now)
    {
        int changed = await db.Loans
            .Where(l => l.Id == loanId && l.ReturnedAt == null)
            .ExecuteUpdateAsync(set => set.SetProperty(l => l.ReturnedAt, now));
        return changed == 1;
    }
}
