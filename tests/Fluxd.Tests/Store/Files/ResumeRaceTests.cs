using System.Text;
using Fluxd.Core.Files;
using Xunit;

namespace Fluxd.Tests.Store.Files;

public sealed class ResumeRaceTests : TreesFixture
{
    private const int Rounds = 150;

    [Theory(Timeout = TimeoutMs)]
    [InlineData(false)]
    [InlineData(true)]
    public async Task Whoever_appends_while_the_dropped_writer_goes_loses_nothing_of_its_bytes(bool publishes)
    {
        for (var round = 0; round < Rounds; round++)
        {
            var path = P($"/{round}");
            var first = await Trees.Files.OpenAsync(Anna, path, new OpenRequest { Access = OpenAccess.Write, Create = true, Truncate = true, Frontend = "sftp" }, Ct);
            await first.WriteAsync(0, "the beginning "u8.ToArray(), Ct);
            var go = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
            var leaving = Task.Run(async () =>
            {
                await go.Task;
                if (publishes)
                {
                    await first.CloseAsync(Ct);
                }

                await first.DisposeAsync();
            });
            var coming = Task.Run(async () =>
            {
                await go.Task;
                var append = new OpenRequest { Access = OpenAccess.Write, Create = true, Append = true, ContinuePartial = true, Frontend = "sftp" };
                await using var second = await Trees.Files.OpenAsync(Anna, path, append, Ct);
                await second.WriteAsync(14, Encoding.UTF8.GetBytes("and the end"), Ct);
                await second.CloseAsync(Ct);
            });
            go.SetResult();
            await Task.WhenAll(leaving, coming);

            Assert.Equal("the beginning and the end", await Get($"/{round}"));
        }
    }
}
