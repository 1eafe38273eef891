namespace Fluxd.LoadTests.Runner;

/// <summary>
/// Runs one scenario: init, warm-up, its simulations in turn, clean-up. Users are tasks, not threads; every one has
/// ended when <see cref="RunAsync"/> returns. The seed makes each user's choices repeatable.
/// </summary>
internal sealed class ScenarioRunner(int seed, TimeSpan grace)
{
    public async Task<ScenarioStats> RunAsync(Scenario scenario, CancellationToken ct)
    {
        var stats = new ScenarioStats();
        if (scenario.Init is not null)
        {
            await scenario.Init(ct);
        }

        try
        {
            await using var users = new Users(scenario, stats, seed, grace, ct);
            await WarmUpAsync(scenario, users, ct);
            scenario.WarmedUp();
            stats.BeginCounting();
            foreach (var simulation in scenario.Simulations)
            {
                await SimulateAsync(simulation, users, ct);
            }

            // What was begun counts too: a slow machine may end nothing before the time is over.
            stats.UsersMax = users.Peak;
            stats.Unfinished = await users.EndAsync();
            stats.EndCounting();
        }
        finally
        {
            if (scenario.Clean is not null)
            {
                await scenario.Clean(CancellationToken.None);
            }
        }

        return stats;
    }

    private static async Task WarmUpAsync(Scenario scenario, Users users, CancellationToken ct)
    {
        if (scenario.WarmUp > TimeSpan.Zero)
        {
            users.SetLooping(1);
            await Task.Delay(scenario.WarmUp, ct);
            users.SetLooping(0);
        }
    }

    private static async Task SimulateAsync(LoadSimulation simulation, Users users, CancellationToken ct)
    {
        switch (simulation)
        {
            case KeepConstant constant:
                users.SetLooping(constant.Copies);
                await Task.Delay(constant.During, ct);
                break;
            case RampingConstant ramp:
                await RampAsync(ramp, users, ct);
                break;
            case InjectPerSecond inject:
                users.SetLooping(0);
                await InjectAsync(inject, users, ct);
                break;
            default:
                throw new ArgumentException($"unknown simulation {simulation.GetType().Name}");
        }
    }

    private static async Task RampAsync(RampingConstant ramp, Users users, CancellationToken ct)
    {
        var from = users.Looping;
        var began = TimeProvider.System.GetTimestamp();
        for (var passed = TimeSpan.Zero; passed < ramp.During; passed = TimeProvider.System.GetElapsedTime(began))
        {
            users.SetLooping(from + (int)Math.Round((ramp.Copies - from) * (passed / ramp.During)));
            await Task.Delay(TimeSpan.FromMilliseconds(100), ct);
        }

        users.SetLooping(ramp.Copies);
    }

    private static async Task InjectAsync(InjectPerSecond inject, Users users, CancellationToken ct)
    {
        var began = TimeProvider.System.GetTimestamp();
        var started = 0L;
        while (true)
        {
            // By the clock, not by the sleep: a late wake-up starts all who are due, the last one too.
            var passed = TimeProvider.System.GetElapsedTime(began);
            for (var due = (long)(Math.Min(passed.TotalSeconds, inject.During.TotalSeconds) * inject.Rate); started < due; started++)
            {
                users.StartOnce(inject.CopiesMax);
            }

            if (passed >= inject.During)
            {
                return;
            }

            await Task.Delay(TimeSpan.FromMilliseconds(5), ct);
        }
    }

    /// <summary>The users of a scenario that are under way. Used by the runner's one flow alone, but for the counters.</summary>
    private sealed class Users(Scenario scenario, ScenarioStats stats, int seed, TimeSpan grace, CancellationToken outer) : IAsyncDisposable
    {
        private readonly CancellationTokenSource _stop = CancellationTokenSource.CreateLinkedTokenSource(outer);
        private readonly List<CancellationTokenSource> _loops = [];
        private readonly List<Task> _tasks = [];
        private int _next;
        private int _active;

        public int Looping => _loops.Count;

        public int Peak { get; private set; }

        public void SetLooping(int count)
        {
            while (_loops.Count < count)
            {
                var end = new CancellationTokenSource();
                _loops.Add(end);
                Track(LoopAsync(_next++, end.Token));
            }

            while (_loops.Count > count)
            {
                _loops[^1].Cancel();
                _loops.RemoveAt(_loops.Count - 1);
            }
        }

        public void StartOnce(int copiesMax)
        {
            if (Volatile.Read(ref _active) >= copiesMax)
            {
                stats.Add("inject", Response.Fail("too many users at once"), TimeSpan.Zero);
                return;
            }

            var user = _next++;
            Track(OnceAsync(user, 0, new Random(HashCode.Combine(seed, user))));
        }

        private void Track(Task task)
        {
            _tasks.Add(task);
            Peak = Math.Max(Peak, Volatile.Read(ref _active));
            if (_tasks.Count > 1000)
            {
                _tasks.RemoveAll(old => old.IsCompleted);
            }
        }

        /// <summary>Ends between two runs when it is told to; the run itself is cut only at the very end.</summary>
        private async Task LoopAsync(int user, CancellationToken end)
        {
            var random = new Random(HashCode.Combine(seed, user));
            for (var run = 0; !end.IsCancellationRequested && !_stop.IsCancellationRequested && stats.Bytes < scenario.BytesMax; run++)
            {
                await OnceAsync(user, run, random);
            }
        }

        private async Task OnceAsync(int user, int run, Random random)
        {
            // Before the first wait: the next StartOnce must already see this user.
            Interlocked.Increment(ref _active);
            await Task.Yield();
            try
            {
                await scenario.Run(new UserContext(user, run, random, stats, _stop.Token));
            }
            catch (OperationCanceledException) when (_stop.IsCancellationRequested)
            {
                // The run is over.
            }
            catch (Exception error)
            {
                stats.Add("scenario", Response.Fail(error.GetType().Name + ": " + error.Message), TimeSpan.Zero);
            }
            finally
            {
                Interlocked.Decrement(ref _active);
            }
        }

        /// <summary>Lets everybody end what they began, for a while.</summary>
        /// <returns>How many had to be cut.</returns>
        public async Task<int> EndAsync()
        {
            SetLooping(0);
            var all = Task.WhenAll(_tasks);
            if (await Task.WhenAny(all, Task.Delay(grace, CancellationToken.None)) == all)
            {
                return 0;
            }

            var unfinished = Volatile.Read(ref _active);
            await _stop.CancelAsync();
            return unfinished;
        }

        public async ValueTask DisposeAsync()
        {
            SetLooping(0);
            await _stop.CancelAsync();
            await Task.WhenAll(_tasks);
            _stop.Dispose();
        }
    }
}
