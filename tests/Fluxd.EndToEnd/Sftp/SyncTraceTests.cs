using Xunit;

namespace Fluxd.EndToEnd.Sftp;

/// <summary>The daemon's own system calls: what leaves the socket, and what the disk had been told before.</summary>
[Trait("Category", "Peers")]
public sealed class SyncTraceTests
{
    private const int Files = 12;

    /// <summary>
    /// A client that asks one thing at a time makes one send per answer: three for each file (OPEN, WRITE, CLOSE). Between
    /// the second and the third there must be a sync that has returned.
    /// </summary>
    [Fact(Timeout = SftpDaemon.TimeoutMs)]
    public async Task A_sync_has_returned_before_each_answer_to_CLOSE_leaves()
    {
        await using var daemon = await SftpDaemon.StartAsync();
        await File.WriteAllTextAsync(daemon.PathOf("client.py"), $$"""
            import os, sys, time, paramiko
            port, password = sys.argv[1:]
            c = paramiko.SSHClient(); c.set_missing_host_key_policy(paramiko.AutoAddPolicy())
            c.connect("127.0.0.1", port=int(port), username="admin", password=password, look_for_keys=False, allow_agent=False)
            s = c.open_sftp(); s.stat("/")
            open("ready", "w").close()
            while not os.path.exists("go"): time.sleep(0.05)
            for i in range({{Files}}):
                f = s.open(f"/{i}", "w"); f.write(os.urandom(100 + i * 2000)); f.close()
            """);
        await File.WriteAllTextAsync(daemon.PathOf("trace.sh"), """
            set -eu
            /usr/bin/python3 -W ignore client.py "$2" "$3" & client=$!
            while [ ! -e ready ]; do kill -0 $client; sleep 0.05; done
            strace -f -e trace=fdatasync,fsync,sendto,sendmsg -o trace -p "$1" 2>attached & tracer=$!
            while ! grep -q attached attached; do kill -0 $tracer; sleep 0.05; done
            # All threads are attached when nothing more is added to the list.
            before=; while [ "$before" != "$(cat attached)" ]; do before=$(cat attached); sleep 0.5; done
            touch go
            wait $client
            kill -INT $tracer
            wait $tracer || true
            """);

        await daemon.RunAsync("bash", "trace.sh", $"{daemon.ProcessId}", daemon.Port, daemon.Password);

        var answers = new List<int>();
        var syncs = 0;
        foreach (var line in await File.ReadAllLinesAsync(daemon.PathOf("trace")))
        {
            if (line.Contains("sync", StringComparison.Ordinal) && line.EndsWith("= 0", StringComparison.Ordinal))
            {
                syncs++;
            }
            else if (line.Contains(" sendto(", StringComparison.Ordinal) || line.Contains(" sendmsg(", StringComparison.Ordinal))
            {
                answers.Add(syncs);
            }
        }

        // What comes behind the last CLOSE says good-bye.
        Assert.True(answers.Count >= 3 * Files, $"{answers.Count} answers and {syncs} syncs were seen");
        for (var file = 0; file < Files; file++)
        {
            Assert.True(answers[(3 * file) + 2] > answers[(3 * file) + 1], $"CLOSE of file {file} was answered without a sync: {string.Join(' ', answers)}");
        }
    }
}
