using Fluxd.Core;
using Fluxd.Core.Frontends;
using Fluxd.Daemon.Hosting;
using Fluxd.Tests.Daemon.AdminSocket;
using Microsoft.Extensions.Logging.Abstractions;
using Xunit;

namespace Fluxd.Tests.Daemon.Hosting;

public sealed class FrontendRunnerTests
{
    [Fact(Timeout = 30_000)]
    public async Task A_frontend_that_can_not_start_takes_the_started_ones_down_again()
    {
        var good = new Recorder("http");
        var bad = new Recorder("sftp") { StartFault = new FluxException(FluxError.Unavailable, "port 2022 is taken") };
        var runner = Runner(good, bad);

        var fault = await Assert.ThrowsAsync<FluxException>(() => runner.StartAsync(CancellationToken.None));

        Assert.Equal("port 2022 is taken", fault.Message);
        Assert.Equal(["start", "abort"], good.Steps);
        Assert.Empty(runner.Running);
    }

    [Fact(Timeout = 30_000)]
    public async Task A_frontend_that_listens_nowhere_stops_the_start()
    {
        var good = new Recorder("http");
        var deaf = new Recorder("sftp") { Endpoints = [] };

        var fault = await Assert.ThrowsAsync<FluxException>(() => Runner(good, deaf).StartAsync(CancellationToken.None));

        Assert.Contains("name an address in sftp.listen", fault.Message, StringComparison.Ordinal);
        Assert.Equal(["start", "abort"], good.Steps);
        Assert.Equal(["start", "abort"], deaf.Steps);
    }

    [Fact(Timeout = 30_000)]
    public async Task A_stop_goes_in_three_steps_also_when_one_frontend_fails_in_each()
    {
        var good = new Recorder("http");
        var bad = new Recorder("sftp") { StopFault = new InvalidOperationException("broken") };
        var runner = Runner(bad, good);
        await runner.StartAsync(CancellationToken.None);

        await runner.StopAsync(CancellationToken.None);

        Assert.Equal(["start", "stop", "drain", "abort"], good.Steps);
        Assert.Equal(["start", "stop", "drain", "abort"], bad.Steps);
    }

    [Fact(Timeout = 30_000)]
    public async Task A_transfer_that_never_ends_is_cut_when_the_deadline_or_the_second_signal_comes()
    {
        var stuck = new Recorder("http") { NeverDrains = true };
        var runner = Runner(stuck);
        await runner.StartAsync(CancellationToken.None);
        using var deadline = new CancellationTokenSource();

        var stop = runner.StopAsync(deadline.Token);
        Assert.False(stop.IsCompleted);
        await deadline.CancelAsync();
        await stop;

        Assert.Equal("abort", stuck.Steps[^1]);
    }

    [Fact(Timeout = 120_000)]
    public async Task The_admin_socket_answers_until_all_others_have_drained()
    {
        await using var house = await AdminHouse.MakeAsync();
        await house.Frontend.AbortAsync();
        await using var admin = house.Make(); // a frontend is started once
        var stuck = new Recorder("http") { NeverDrains = true };
        var runner = Runner(admin, stuck);
        await runner.StartAsync(CancellationToken.None);
        using var deadline = new CancellationTokenSource();

        var stop = runner.StopAsync(deadline.Token);
        Assert.Equal("drain", stuck.Steps[^1]);
        Assert.Contains("\"version\"", await house.Client.GetStringAsync("status"), StringComparison.Ordinal);
        Assert.False(stop.IsCompleted);
        await deadline.CancelAsync();
        await stop;

        Assert.False(File.Exists(house.Socket));
    }

    private static FrontendRunner Runner(params IFrontend[] frontends) => new(frontends, NullLogger<FrontendRunner>.Instance);

    private sealed class Recorder(string name) : IFrontend
    {
        public List<string> Steps { get; } = [];

        public Exception? StartFault { get; init; }

        public Exception? StopFault { get; init; }

        public bool NeverDrains { get; init; }

        public string Name => name;

        public IReadOnlyList<string> Endpoints { get; init; } = ["somewhere"];

        public int ConnectionCount => NeverDrains ? 1 : 0;

        public Task StartAsync(CancellationToken ct) => Step("start", StartFault);

        public Task StopAcceptingAsync(CancellationToken ct) => Step("stop", StopFault);

        public async Task DrainAsync(CancellationToken deadline)
        {
            await Step("drain", StopFault);
            if (NeverDrains)
            {
                await Task.Delay(Timeout.Infinite, deadline);
            }
        }

        public Task AbortAsync() => Step("abort", StopFault);

        private Task Step(string step, Exception? fault)
        {
            Steps.Add(step);
            return fault is null ? Task.CompletedTask : Task.FromException(fault);
        }
    }
}
