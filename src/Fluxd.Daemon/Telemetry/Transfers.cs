using System.Diagnostics;
using System.Diagnostics.Metrics;
using System.Security.Cryptography;
using Fluxd.Core;
using Fluxd.Core.Files;
using Fluxd.Core.Transfers;
using Microsoft.Extensions.Logging;

namespace Fluxd.Daemon.Telemetry;

/// <summary>
/// The timelines of the last transfers: running ones are always kept, ended ones until newer ones push them out.
/// Thread-safe, bounded by the number it is made with plus what runs.
/// </summary>
internal sealed partial class Transfers(int endedMax, TimeProvider clock, ILogger? log = null) : ITransfers
{
    private static readonly Counter<long> s_transfers = FluxTelemetry.Meter.CreateCounter<long>(
        "fluxd.transfers", "{transfer}", "Transfers that ended, by frontend, kind and outcome");

    private static readonly Histogram<double> s_durations = FluxTelemetry.Meter.CreateHistogram<double>(
        "fluxd.transfer.duration", "s", "From a transfer's begin to its end, by frontend and kind");

    private int _running;

    /// <summary>Transfers that go on now.</summary>
    public int Running => Volatile.Read(ref _running);

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

            Interlocked.Increment(ref _running);
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
        Interlocked.Decrement(ref _running);
        Tell(transfer.Report());
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

    /// <summary>HTTP has its own line for each request, which names the transfer.</summary>
    private void Tell(TransferReport report)
    {
        var duration = TimeSpan.FromTicks((report.EndedAt!.Value.Nanoseconds - report.StartedAt.Nanoseconds) / 100);
        var outcome = TransferOutcome.Of(report.Outcome!);
        s_transfers.Add(1, new("frontend", report.Frontend), new("kind", report.Kind), new("outcome", outcome));
        s_durations.Record(duration.TotalSeconds, new("frontend", report.Frontend), new KeyValuePair<string, object?>("kind", report.Kind));
        if (log is not null && report.Frontend != "http")
        {
            Log.Ended(
                log, report.Frontend, report.Kind, report.Outcome!, Math.Round(duration.TotalMilliseconds, 1), report.BytesAccepted, report.BytesDurable,
                report.UserName, report.Peer, report.Id);
        }
    }

    /// <summary>190 to 199 are the transfers'; next free: 191.</summary>
    private static partial class Log
    {
        [LoggerMessage(190, LogLevel.Information, "{Frontend} {Method}: {Outcome} after {DurationMs} ms, {Bytes} bytes, {BytesDurable} durable, by {User} from {Remote}, transfer {TransferId}")]
        public static partial void Ended(
            ILogger logger, string frontend, string method, string outcome, double durationMs, long bytes, long bytesDurable, string user, string remote, string transferId);
    }

    /// <summary>48 random bits: short enough to read over the telephone, and no hint at how many there are.</summary>
    private static string NewId() => "t" + Convert.ToHexStringLower(RandomNumberGenerator.GetBytes(6));

    private sealed class Transfer(Transfers owner, string id, string frontend, string userName, string peer, string kind, TimeProvider clock) : ITransfer
    {
        private readonly Lock _lock = new();
        private readonly List<TransferEvent> _events = [];
        private readonly FileTime _startedAt = FileTime.Now(clock);
        private readonly Traffic _traffic = kind is "read" or "download" or "archive" ? Traffic.Out(frontend) : Traffic.In(frontend);
        private readonly Activity? _span = StartSpan(frontend, kind, id);
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

        public void Accepted(long bytes)
        {
            Interlocked.Add(ref _accepted, bytes);
            _traffic.Add(bytes);
        }

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

            EndSpan(outcome);
            owner.Ended(this);
        }

        /// <summary>A span that nobody's later work becomes a part of by chance: transfers outlive the calls that begin them.</summary>
        private static Activity? StartSpan(string frontend, string kind, string id)
        {
            var around = Activity.Current;
            var span = FluxTelemetry.Activities.StartActivity("fluxd.transfer");
            Activity.Current = around;
            return span?.SetTag("fluxd.frontend", frontend).SetTag("fluxd.kind", kind).SetTag("fluxd.transfer", id);
        }

        private void EndSpan(string outcome)
        {
            var around = Activity.Current;
            _span?.SetTag("fluxd.outcome", TransferOutcome.Of(outcome)).Dispose();
            Activity.Current = around == _span ? null : around;
        }

        /// <summary>Whoever lets go without a word was cut off.</summary>
        public void Dispose() => End("cut off");

        public void Resume(string byFrontend, string byPeer)
        {
            lock (_lock)
            {
                if (_endedAt is not null)
                {
                    Interlocked.Increment(ref owner._running);
                }

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
