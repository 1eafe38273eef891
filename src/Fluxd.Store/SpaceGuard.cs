using Fluxd.Core;
using Fluxd.Store.Disk;

namespace Fluxd.Store;

/// <summary>
/// Keeps the disk from filling up: new data is refused while there is still room for the catalogue and for deletes,
/// and a ballast file is given up when a commit finds the disk full all the same. Thread-safe.
/// </summary>
internal sealed class SpaceGuard(IDisk disk, TimeProvider clock, Func<long> keepFree)
{
    private const string BallastName = "ballast";

    private readonly Lock _lock = new();
    private DiskSpace _seen;
    private long _seenAt;
    private long _takenSince;

    /// <summary>Full to <see cref="DiskSpace.WarnPercent"/> or more: an administrator should hear of it.</summary>
    internal bool IsGettingFull => Look().PercentUsed >= DiskSpace.WarnPercent;

    internal DiskSpace Space => Look();

    /// <summary>Is there room for so many new bytes? Asked for each extent, so it looks at the disk once a second at most.</summary>
    /// <exception cref="FluxException">NoSpace.</exception>
    internal void RequireRoom(long bytes)
    {
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

    /// <summary>Makes the ballast where it is missing and there is room. Called at start and by upkeep.</summary>
    internal void RestoreBallast()
    {
        if (disk.Exists(BallastName) || disk.Space().Free < 4 * StoreLimits.BallastBytes)
        {
            return;
        }

        try
        {
            using var file = disk.Open(BallastName, DiskMode.CreateNew);
            file.Allocate(StoreLimits.BallastBytes);
            file.Sync();
        }
        catch (DiskException)
        {
            // Without it deletes on a full disk may fail; that is no reason not to start.
        }
    }

    /// <summary>Gives the ballast's room to the commit that found the disk full; true when there was some.</summary>
    internal bool GiveUpBallast()
    {
        if (!disk.Exists(BallastName))
        {
            return false;
        }

        disk.Remove(BallastName);
        return true;
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
