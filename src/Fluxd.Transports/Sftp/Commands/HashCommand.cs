using System.Security.Cryptography;
using System.Text;
using Fluxd.Core;
using Fluxd.Core.Files;

namespace Fluxd.Transports.Sftp.Commands;

/// <summary>
/// <c>md5sum</c> and its kin: from the index where the digest is known, else by reading once and remembering it.
/// Without a file it hashes its input; that is how clients find out that the command exists.
/// </summary>
internal sealed class HashCommand(IFiles files, string algorithm) : IRemoteCommand
{
    public async Task<int> RunAsync(RemoteCommandCall call, CancellationToken ct)
    {
        var (_, operands) = call.Split();
        if (operands.Count == 0)
        {
            await call.PrintAsync($"{Convert.ToHexStringLower(await HashInputAsync(call, ct))}  -\n", ct);
            return 0;
        }

        var status = 0;
        foreach (var operand in operands)
        {
            try
            {
                var digest = await DigestOfAsync(call, FilePath.Parse(operand), ct);
                await call.Io.Output.WriteAsync((byte[])[.. Encoding.ASCII.GetBytes(Convert.ToHexStringLower(digest.Span) + "  "), .. operand, (byte)'\n'], ct);
            }
            catch (FluxException error)
            {
                await call.PrintErrorAsync($"{algorithm}sum: {Encoding.UTF8.GetString(operand)}: {error.Message}", ct);
                status = 1;
            }
        }

        return status;
    }

    private async Task<byte[]> HashInputAsync(RemoteCommandCall call, CancellationToken ct)
    {
        using var hash = IncrementalHash.CreateHash(HashNames.Find(algorithm));
        while (true)
        {
            var read = await call.Io.Input.ReadAsync(ct);
            foreach (var part in read.Buffer)
            {
                hash.AppendData(part.Span);
            }

            call.Io.Input.AdvanceTo(read.Buffer.End);
            if (read.IsCompleted)
            {
                return hash.GetHashAndReset();
            }
        }
    }

    private async Task<ReadOnlyMemory<byte>> DigestOfAsync(RemoteCommandCall call, FilePath path, CancellationToken ct)
    {
        var kind = HashNames.DigestOf(algorithm);
        if (await files.FindDigestAsync(call.Who, path, kind, ct) is { } known)
        {
            return known.Value;
        }

        await using var file = await files.OpenAsync(call.Who, path, new OpenRequest { Access = OpenAccess.Read, Frontend = "sftp" }, ct);
        var node = await file.StatAsync(ct);
        var value = await SftpSession.HashRangeAsync(file, HashNames.Find(algorithm), 0, long.MaxValue, ct);
        if (!node.IsPartial && call.Who.Has(Core.Accounts.Scopes.Write))
        {
            await files.RememberDigestAsync(call.Who, path, node.Version, new ContentDigest(kind, value), ct);
        }

        return value;
    }
}
