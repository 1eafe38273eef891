namespace Fluxd.LoadTests.Runner;

/// <summary>How one step or one run of a scenario ended.</summary>
/// <param name="Code">Empty when it went well; else a short code that the error table counts by.</param>
internal sealed record Response(bool IsOk, string Code, long Bytes)
{
    public static Response Ok(long bytes = 0) => new(true, "", bytes);

    public static Response Fail(string code) => new(false, code, 0);
}

/// <summary>Load over time. Several in a row make a profile.</summary>
internal abstract record LoadSimulation(TimeSpan During);

/// <summary>So many users at once, each starting anew as soon as it is done (a closed system).</summary>
internal sealed record KeepConstant(int Copies, TimeSpan During) : LoadSimulation(During);

/// <summary>From the present number of users to <paramref name="Copies"/>, evenly.</summary>
internal sealed record RampingConstant(int Copies, TimeSpan During) : LoadSimulation(During);

/// <summary>So many new users a second, however long each takes (an open system); at most <paramref name="CopiesMax"/> at once.</summary>
internal sealed record InjectPerSecond(double Rate, TimeSpan During, int CopiesMax = 500) : LoadSimulation(During);

/// <summary>What one user does, again and again.</summary>
internal sealed record Scenario(string Name, string Question, Func<UserContext, Task> Run)
{
    /// <summary>Made ready before the clock runs: users, files.</summary>
    public Func<CancellationToken, Task>? Init { get; init; }

    public Func<CancellationToken, Task>? Clean { get; init; }

    /// <summary>Runs whose figures are thrown away: caches fill, code is compiled.</summary>
    public TimeSpan WarmUp { get; init; } = TimeSpan.FromSeconds(2);

    /// <summary>Beyond this nobody begins anew.</summary>
    public long BytesMax { get; init; } = long.MaxValue;

    /// <summary>Called when the warm-up is over.</summary>
    public Action WarmedUp { get; init; } = () => { };

    public IReadOnlyList<LoadSimulation> Simulations { get; init; } = [new KeepConstant(4, TimeSpan.FromSeconds(10))];
}

/// <summary>What a user's run has: its number, a random source that the seed makes repeatable, and steps that are measured.</summary>
internal sealed class UserContext(int user, int run, Random random, ScenarioStats stats, CancellationToken ct)
{
    public int User => user;

    public int Run => run;

    public Random Random => random;

    public CancellationToken Ct => ct;

    /// <summary>Measures one step. A failure or exception is counted by its code and told to the caller.</summary>
    public async Task<bool> StepAsync(string name, Func<Task<Response>> step)
    {
        var began = TimeProvider.System.GetTimestamp();
        Response response;
        try
        {
            response = await step();
        }
        catch (OperationCanceledException) when (ct.IsCancellationRequested)
        {
            throw;
        }
        catch (Exception error)
        {
            response = Response.Fail(error.GetType().Name + ": " + Shorten(error.Message));
        }

        stats.Add(name, response, TimeProvider.System.GetElapsedTime(began));
        return response.IsOk;
    }

    private static string Shorten(string text) => text.ReplaceLineEndings(" ") is { Length: > 80 } long_ ? long_[..80] : text;
}
