using System.Collections.Concurrent;

namespace Fluxd.LoadTests.Runner;

/// <summary>One second of a step.</summary>
internal sealed class Second
{
    private long _failed;

    /// <summary>Of what went well, as the whole step's.</summary>
    public Histogram Latency { get; } = new();

    public long Failed => Interlocked.Read(ref _failed);

    public void Add(Response response, TimeSpan took)
    {
        if (response.IsOk)
        {
            Latency.Add(took);
        }
        else
        {
            Interlocked.Increment(ref _failed);
        }
    }
}

internal sealed class StepStats
{
    private const int SecondsMax = 3600; // a run is bounded; later samples count in the whole only
    private const int CodesMax = 50; // an error table is for reading
    private long _bytes;
    private long _failed;

    /// <summary>Of what went well; failures are counted apart, so that fast refusals don't flatter the figures.</summary>
    public Histogram Latency { get; } = new();

    public long Ok => Latency.Count;

    public long Failed => Interlocked.Read(ref _failed);

    public long Bytes => Interlocked.Read(ref _bytes);

    public ConcurrentDictionary<string, long> Errors { get; } = new();

    public ConcurrentDictionary<int, Second> Timeline { get; } = new();

    public void Add(Response response, TimeSpan took, TimeSpan at)
    {
        if (response.IsOk)
        {
            Latency.Add(took);
            Interlocked.Add(ref _bytes, response.Bytes);
        }
        else
        {
            Interlocked.Increment(ref _failed);
            var code = Errors.Count < CodesMax || Errors.ContainsKey(response.Code) ? response.Code : "others";
            Errors.AddOrUpdate(code, 1, (_, n) => n + 1);
        }

        if (at.TotalSeconds < SecondsMax)
        {
            Timeline.GetOrAdd((int)at.TotalSeconds, _ => new Second()).Add(response, took);
        }
    }
}

/// <summary>All steps of one scenario. Nothing counts until the warm-up is over.</summary>
internal sealed class ScenarioStats
{
    private readonly ConcurrentDictionary<string, StepStats> _steps = new();
    private long _began;
    private volatile bool _counting;

    public IReadOnlyDictionary<string, StepStats> Steps => _steps;

    public TimeSpan Duration { get; private set; }

    public int UsersMax { get; set; }

    /// <summary>Still at it when the time for ending was over.</summary>
    public int Unfinished { get; set; }

    public void BeginCounting()
    {
        _steps.Clear();
        _began = TimeProvider.System.GetTimestamp();
        _counting = true;
    }

    public void EndCounting()
    {
        _counting = false;
        Duration = TimeProvider.System.GetElapsedTime(_began);
    }

    public void Add(string step, Response response, TimeSpan took)
    {
        if (_counting)
        {
            _steps.GetOrAdd(step, _ => new StepStats()).Add(response, took, TimeProvider.System.GetElapsedTime(_began));
        }
    }

    public long Failed => _steps.Values.Sum(step => step.Failed);

    public long Ok => _steps.Values.Sum(step => step.Ok);

    public long Bytes => _steps.Values.Sum(step => step.Bytes);
}
