using System.Security.Cryptography;
using Fluxd.Core.Files;
using Fluxd.Core.Transfers;

namespace Fluxd.Daemon.Telemetry;

/// <summary>
/// The timelines of the last transfers: running ones are always kept, ended ones until newer ones push them out.
/// Thread-safe, bounded by the number it is made with plus what runs.
/// </summary>
internal sealed class Transfers(int endedMax, TimeProvider clock) : ITransfers
{
    private readonly Lock _lock = new();
    private readonly Dictionary<string, Transfer> _byId = new(StringComparer.Ordinal);
    private readonly Queue<Transfer> _ended = new();

    public ITransfer Begin(string frontend, string userName, string peer, string kind, string? id = null)
    {
        lock (_lock)
        {
            if (id is not null && _byId.TryGetValue(id, out var known))
            {
                known.Resume(frontend, peer);
                return known;
            }

            var transfer = new Transfer(this, id ?? NewId(), frontend, userName, peer, kind, clock);
            _byId[transfer.Id] = transfer;
            return transfer;
        }
    }

    public TransferReport? Find(string id)
    {
        lock (_lock)
        {
            return _byId.GetValueOrDefault(id)?.Report();
        }
    }

    public IReadOnlyList<TransferReport> Recent(int count)
    {
        lock (_lock)
        {
            return [.. _byId.Values.Select(transfer => transfer.Report()).OrderByDescending(report => report.StartedAt).Take(count)];
        }
    }

    private void Ended(Transfer transfer)
    {
        lock (_lock)
        {
            _ended.Enqueue(transfer);
            while (_ended.Count > endedMax)
            {
                var oldest = _ended.Dequeue();
                if (oldest.HasEnded)
                {
                    _byId.Remove(oldest.Id);
                }
            }
        }
    }

    /// <summary>48 random bits: short enough to read over the telephone, and no hint at how many there are.</summary>
    private static string NewId() => "t" + Convert.ToHexStringLower(RandomNumberGenerator.GetBytes(6));

    private sealed class Transfer(Transfers owner, string id, string frontend, string userName, string peer, string kind, TimeProvider clock) : ITransfer
    {
        private readonly Lock _lock = new();
        private readonly List<TransferEvent> _events = [];
        private readonly FileTime _startedAt = FileTime.Now(clock);
        private FileTime? _endedAt;
        private string? _outcome;
        private long _accepted;
        private long _durable;
        private int _lost;

        public string Id { get; } = id;

        public bool HasEnded
        {
            get
            {
                lock (_lock)
                {
                    return _endedAt is not null;
                }
            }
        }

        public void Accepted(long bytes) => Interlocked.Add(ref _accepted, bytes);

        public void Durable(long bytes) => Interlocked.Add(ref _durable, bytes);

        public void Note(string what)
        {
            var remark = what.Length <= TelemetryLimits.RemarkCharsMax ? what : what[..TelemetryLimits.RemarkCharsMax];
            lock (_lock)
            {
                if (_events.Count < TelemetryLimits.EventsPerTransfer)
                {
                    _events.Add(new TransferEvent(FileTime.Now(clock), remark));
                }
                else
                {
                    _lost++;
                }
            }
        }

        public void End(string outcome)
        {
            lock (_lock)
            {
                if (_endedAt is not null)
                {
                    return;
                }

                (_outcome, _endedAt) = (outcome, FileTime.Now(clock));
            }

            owner.Ended(this);
        }

        /// <summary>Whoever lets go without a word was cut off.</summary>
        public void Dispose() => End("cut off");

        public void Resume(string byFrontend, string byPeer)
        {
            lock (_lock)
            {
                (_outcome, _endedAt) = (null, null);
            }

            Note($"resumed by {byFrontend} from {byPeer}");
        }

        public TransferReport Report()
        {
            lock (_lock)
            {
                TransferEvent[] events = _lost == 0 ? [.. _events] : [.. _events, new TransferEvent(_events[^1].At, $"and {_lost} more remarks")];
                return new TransferReport(Id, frontend, userName, peer, kind, _startedAt, _endedAt,
                    Interlocked.Read(ref _accepted), Interlocked.Read(ref _durable), _outcome, events);
            }
        }
    }
}
