using System.Collections.Concurrent;
using Fluxd.Core;
using Fluxd.Core.Accounts;
using Fluxd.Core.Files;
using Fluxd.Store.Catalog;
using Fluxd.Store.Feed;
using Fluxd.Store.Uploads;

namespace Fluxd.Store.Files;

/// <summary>
/// What all services over the trees share: the catalogue, accounts, the clock, and where each tree's top is.
/// Rights are looked up at every call, so that a withdrawn one works at once. Thread-safe.
/// </summary>
internal sealed class Trees(SqliteCatalog catalog, AccountView accounts, ChangeLog log, TimeProvider clock)
{
    private const int HomeTree = 0;
    private const int FolderTree = 1;
    private const int TopMode = 0x1C0;

    private readonly ConcurrentDictionary<(int Kind, long Holder), long> _tops = new();

    public SqliteCatalog Catalog => catalog;

    public ChangeLog Log => log;

    public TimeProvider Clock => clock;

    public long Now => FileTime.Now(clock).Nanoseconds;

    /// <summary>How long an unfinished upload stays after its last byte; asked each time, so that a reload works at once.</summary>
    public Func<TimeSpan> UploadLife { get; init; } = () => UploadLimits.Life;

    /// <summary>When an upload that got a byte just now expires.</summary>
    public long UploadExpiry(long now) => now + (UploadLife().Ticks * 100);

    public string NameOf(long user) => accounts.FindUser(user)?.Name ?? "";

    public long? QuotaOf(long user) => accounts.FindUser(user)?.QuotaBytes;

    /// <exception cref="FluxException">Denied: the account is not active any more.</exception>
    public async ValueTask<View> ViewAsync(Principal who, CancellationToken ct)
    {
        if (accounts.FindUser(who.UserId) is not { State: UserState.Active } user)
        {
            throw FluxException.Denied("This account is disabled; ask an administrator.");
        }

        var home = new Mount(await TopAsync(HomeTree, user.Id, user.Id, ct), default, true, user.QuotaBytes, user.QuotaFiles);
        var shared = new List<Mount>();
        foreach (var grant in accounts.GrantsOf(user.Id))
        {
            if (FileName.TryFrom(System.Text.Encoding.UTF8.GetBytes(grant.Name), out var name))
            {
                var top = await TopAsync(FolderTree, grant.FolderId, 0, ct);
                shared.Add(new Mount(top, name, grant.Access == FolderAccess.Write, grant.QuotaBytes, grant.QuotaFiles));
            }
        }

        return new View(who, user, home, shared);
    }

    /// <summary>What a user's home holds; zero before it was ever used.</summary>
    public async ValueTask<Usage> UsageOfAsync(long user, CancellationToken ct)
    {
        var top = await TopAsync(HomeTree, user, user, ct);
        return await catalog.ReadAsync(db => Quotas.UsageOf(db, top), ct);
    }

    public async ValueTask<T> ReadAsync<T>(Principal who, Func<View, CatalogReader, T> work, CancellationToken ct)
    {
        var view = await ViewAsync(who, ct);
        return await catalog.ReadAsync(db => work(view, db), ct);
    }

    public async Task<T> WriteAsync<T>(Principal who, Func<View, CatalogTransaction, T> work, CancellationToken ct)
    {
        var view = await ViewAsync(who, ct);
        return await catalog.WriteAsync(db => work(view, db), ct);
    }

    private async ValueTask<long> TopAsync(int kind, long holder, long owner, CancellationToken ct)
    {
        if (_tops.TryGetValue((kind, holder), out var known))
        {
            return known;
        }

        var top = await catalog.ReadAsync(db => FindTop(db, kind, holder), ct)
            ?? await catalog.WriteAsync(db => FindTop(db, kind, holder) ?? MakeTop(db, kind, holder, owner), ct);
        return _tops.GetOrAdd((kind, holder), top);
    }

    private static long? FindTop(CatalogReader db, int kind, long holder)
    {
        using var row = db.Sql("SELECT node FROM tree WHERE kind = ?1 AND holder = ?2").Bind(kind).Bind(holder);
        return row.RunScalar();
    }

    private long MakeTop(CatalogTransaction db, int kind, long holder, long owner)
    {
        var now = Now;
        var top = NodeTable.Insert(db, new NodeRow
        {
            Id = 0,
            Parent = 0,
            Name = default,
            Kind = NodeKind.Folder,
            Owner = owner,
            Mode = TopMode,
            ModifiedAt = now,
            AccessedAt = now,
            ChangedAt = now,
            CreatedAt = now,
            Since = now,
        });
        using var insert = db.Sql("INSERT INTO tree(kind, holder, node) VALUES (?1, ?2, ?3)").Bind(kind).Bind(holder).Bind(top.Id);
        insert.Run();
        return top.Id;
    }
}
