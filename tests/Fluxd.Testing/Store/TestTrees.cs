using Fluxd.Core;
using Fluxd.Core.Accounts;
using Fluxd.Core.Files;
using Fluxd.Store;
using Fluxd.Store.Catalog;
using Fluxd.Store.Content;
using Fluxd.Store.Disk;
using Fluxd.Store.Feed;
using Fluxd.Store.Files;
using Fluxd.Store.Packs;
using Fluxd.Store.Packs.Codecs;
using Fluxd.Store.Uploads;

namespace Fluxd.Testing.Store;

/// <summary>The trees over a real store in a temporary folder, with accounts that a test sets as it likes.</summary>
internal sealed class TestTrees : IAsyncDisposable
{
    private readonly DirectoryInfo _folder = Directory.CreateTempSubdirectory("fluxd-trees-");
    private readonly Dictionary<long, UserInfo> _users = [];
    private readonly Dictionary<long, List<FolderGrant>> _grants = [];

    /// <param name="wrap">Puts something between the packs and the disk: to fail, count or hold its operations.</param>
    public TestTrees(TimeProvider? clock = null, Func<IDisk, IDisk>? wrap = null, long packBytes = StoreLimits.PackBytes)
    {
        Clock = clock ?? TimeProvider.System;
        IDisk disk = new LocalDisk(_folder.FullName);
        disk = wrap?.Invoke(disk) ?? disk;
        PackStore.CreateFolders(disk);
        Packs = new PackStore(disk, StoreManifest.CreateNew().Identity);
        Catalog = SqliteCatalog.Open(new CatalogOptions(Path.Combine(_folder.FullName, "catalog.db"), Clock) { Create = true, Packs = Packs, PackBytes = packBytes });
        Spool = new Spool(disk, requireRoom: _ =>
        {
            if (!HasRoom)
            {
                throw new FluxException(FluxError.NoSpace, "The disk is nearly full.");
            }
        });
        Spool.Clear();
        Contents = new ContentStore(Catalog, Packs, CompressionMode.Auto, Spool);
        var signal = new ChangeSignal(0);
        Trees = new Trees(Catalog, new AccountView(id => _users.GetValueOrDefault(id), GrantsOf), new ChangeLog(signal), Clock);
        Feed = new ChangeFeed(Trees, signal);
        Open = new OpenFiles();
        Sessions = new UploadSessions();
        Files = new FileStore(Trees, Open, Sessions, Contents, Spool, () => Space);
        Versions = new VersionStore(Trees, Contents, () => Policy);
        Keeper = new PastKeeper(Trees, new ExpiryClock(Catalog, Clock, () => IsClockSynchronised), () => Policy, () => Space);
        Uploads = new UploadStore(Trees, Files, Contents, Sessions, () => Space);
        Chunks = new ChunkUploads(Trees, Uploads, Contents, Spool);
        Add(People.Anna);
        Add(People.Bert);
    }

    public string Folder => _folder.FullName;

    public TimeProvider Clock { get; }

    public IPackStore Packs { get; }

    public SqliteCatalog Catalog { get; }

    public ContentStore Contents { get; }

    public Spool Spool { get; }

    public OpenFiles Open { get; }

    public Trees Trees { get; }

    public FileStore Files { get; }

    public UploadSessions Sessions { get; }

    public UploadStore Uploads { get; }

    public ChunkUploads Chunks { get; }

    public VersionStore Versions { get; }

    public PastKeeper Keeper { get; }

    public RetentionPolicy Policy { get; set; } = new();

    public bool IsClockSynchronised { get; set; } = true;

    /// <summary>For what is written out of order or sent ahead.</summary>
    public bool HasRoom { get; set; } = true;

    public SpaceInfo Space { get; set; } = new(1L << 40, 1L << 40, 1L << 32, 1L << 32);

    public ChangeFeed Feed { get; }

    public void Add(Principal who) => _users[who.UserId] = new UserInfo
    {
        Id = who.UserId,
        Name = who.UserName,
        State = UserState.Active,
        CreatedAt = FileTime.Now(Clock),
    };

    public void Change(Principal who, Func<UserInfo, UserInfo> change) => _users[who.UserId] = change(_users[who.UserId]);

    /// <param name="access">Null takes the right away.</param>
    public void Share(long folder, string name, Principal with, FolderAccess? access, long? quota = null)
    {
        var grants = _grants.TryGetValue(with.UserId, out var list) ? list : _grants[with.UserId] = [];
        grants.RemoveAll(grant => grant.FolderId == folder);
        if (access is { } some)
        {
            grants.Add(new FolderGrant(folder, name, some, quota, null));
        }
    }

    public async ValueTask DisposeAsync()
    {
        await Catalog.DisposeAsync();
        _folder.Delete(recursive: true);
    }

    private List<FolderGrant> GrantsOf(long user) => _grants.TryGetValue(user, out var grants) ? [.. grants] : [];
}
