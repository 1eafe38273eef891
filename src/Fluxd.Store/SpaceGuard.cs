using Fluxd.Core;
using Fluxd.Store.Catalog;
using Fluxd.Store.Disk;

namespace Fluxd.Store;

/// <summary>
/// Keeps a disk from filling up: new data is refused while there is still room for the catalogue and for deletes, and of
/// a ballast file one half is given up to commits that find the disk full all the same; the other is for the collection
/// that gives room back. Thread-safe.
/// </summary>
internal sealed class SpaceGuard(IDisk disk, TimeProvider clock, Func<long> keepFree, string ballast = "ballast")
{
    private readonly Lock _lock = new();
    private DiskSpace _seen;
    private long _seenAt;
    private long _takenSince;

    /// <summary>Full to <see cref="DiskSpace.WarnPercent"/> or more: an administrator should hear of it.</summary>
    internal bool IsGettingFull => Look().PercentUsed >= DiskSpace.WarnPercent || Catalog is { IsGettingFull: true };

    internal DiskSpace Space => Look();

    /// <summary>Is there room for so many new bytes? Asked for each extent, so it looks at the disk once a second at most.</summary>
    /// <exception cref="FluxException">NoSpace.</exception>
    internal void RequireRoom(long bytes)
    {
        // The catalogue grows by far less than the packs: that its disk is not full is enough.
        Catalog?.RequireRoom(0);
        var space = Look();
        long taken;
        lock (_lock)
        {
            taken = _takenSince += bytes;
        }

        var free = space.Free - taken;
        if (free < Math.Max(keepFree(), space.Total / 100) || (space with { Free = free }).PercentUsed >= DiskSpace.RefusePercent)
        {
            throw new FluxException(FluxError.NoSpace, "The server's disk is nearly full; nothing new can be stored until somebody frees space.");
        }
    }

    /// <summary>The catalogue's own disk, where it has one.</summary>
    internal SpaceGuard? Catalog { get; init; }

    internal long BallastBytes { get; init; } = StoreLimits.BallastBytes;

    internal DiskRoom Room => new(Free, GiveUpHalf, GiveUpBallast);

    /// <summary>Makes the ballast where it is missing and there is room. Called at start and by upkeep.</summary>
    internal void RestoreBallast()
    {
        Catalog?.RestoreBallast();
        lock (_lock)
        {
            if (Length() >= BallastBytes || disk.Space().Free < 4 * BallastBytes)
            {
                return;
            }

            try
            {
                using var file = disk.Open(ballast, disk.Exists(ballast) ? DiskMode.Write : DiskMode.CreateNew);
                file.Allocate(BallastBytes);
                file.Sync();
            }
            catch (DiskException)
            {
                // Without it deletes on a full disk may fail; that is no reason not to start. A part of it is one too.
            }
        }
    }

    /// <summary>Gives all of the ballast's room away; true when there was some.</summary>
    internal bool GiveUpBallast() => (Catalog?.GiveUpBallast() ?? false) | GiveUp(keep: 0);

    /// <summary>Gives the commits' part of it to one that found the disk full; true when there was some.</summary>
    internal bool GiveUpHalf() => (Catalog?.GiveUpHalf() ?? false) | GiveUp(BallastBytes / 2);

    private long Free() => Math.Min(disk.Space().Free, Catalog?.Free() ?? long.MaxValue);

    private bool GiveUp(long keep)
    {
        lock (_lock)
        {
            if (Length() <= keep)
            {
                return false;
            }

            if (keep == 0)
            {
                disk.Remove(ballast);
            }
            else
            {
                using var file = disk.Open(ballast, DiskMode.Write);
                file.SetLength(keep);
            }

            _seen = default; // another look
            return true;
        }
    }

    private long Length()
    {
        if (!disk.Exists(ballast))
        {
            return 0;
        }

        using var file = disk.Open(ballast, DiskMode.Read);
        return file.Length;
    }

    private DiskSpace Look()
    {
        lock (_lock)
        {
            if (_seen.Total == 0 || clock.GetElapsedTime(_seenAt) > TimeSpan.FromSeconds(1))
            {
                (_seen, _seenAt, _takenSince) = (disk.Space(), clock.GetTimestamp(), 0);
            }

            return _seen;
        }
    }
}
