using System.Buffers;
using System.Security.Cryptography;
using Fluxd.Core;
using Fluxd.Core.Accounts;
using Fluxd.Core.Files;

namespace Fluxd.Transports.Quic.Protocol;

/// <summary>What clients need to compare whole files, and to come again without a password.</summary>
internal sealed partial class FluxdStream
{
    private async Task ChecksumAsync(ReadOnlyMemory<byte> fields, Principal who, CancellationToken ct)
    {
        var path = new FrameReader(fields.Span).Path();
        await using var file = await Files.OpenAsync(who, path, new OpenRequest { Access = OpenAccess.Read, Frontend = QuicFrontend.FrontendName }, ct);
        var node = await file.StatAsync(ct);
        var digest = await file.FindDigestAsync(DigestAlgorithm.Sha256, ct);
        if (digest is null)
        {
            digest = new ContentDigest(DigestAlgorithm.Sha256, await HashAsync(file, node.Size, ct));
            if (who.Has(Scopes.Write))
            {
                await Files.RememberDigestAsync(who, path, node.Version, digest, ct);
            }
        }

        await AnswerAsync(Ok().I64(node.Version).I64(node.Size).Raw(digest.Value.ToArray()), ct);
    }

    private static async Task<byte[]> HashAsync(IOpenFile file, long size, CancellationToken ct)
    {
        using var hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        var buffer = ArrayPool<byte>.Shared.Rent(FluxdProtocol.BodyBufferBytes);
        try
        {
            for (long offset = 0; offset < size;)
            {
                var count = await file.ReadAsync(offset, buffer.AsMemory(0, (int)Math.Min(buffer.Length, size - offset)), ct);
                if (count == 0)
                {
                    throw FluxException.Conflict("The file became shorter while it was read.");
                }

                hash.AppendData(buffer, 0, count);
                offset += count;
            }

            return hash.GetHashAndReset();
        }
        finally
        {
            ArrayPool<byte>.Shared.Return(buffer);
        }
    }

    private async Task IssueTokenAsync(ReadOnlyMemory<byte> fields, Principal who, CancellationToken ct)
    {
        var seconds = new FrameReader(fields.Span).U32();
        if (seconds is <= 0 or > FluxdProtocol.TokenSecondsMax)
        {
            throw FluxException.Invalid($"A token lives from 1 to {FluxdProtocol.TokenSecondsMax} seconds.");
        }

        var issue = connection.Services.IssueToken ?? throw FluxException.Invalid("This server issues no tokens; use an API key.");
        await AnswerAsync(Ok().Text(issue(who, TimeSpan.FromSeconds(seconds))), ct);
    }
}
