using System.Security.Cryptography;
using Fluxd.Core.Chunking;

namespace Fluxd.Bench;

/// <summary>Cutting and hashing on one core, by the thread's CPU time.</summary>
internal static class CutAndHash
{
    private const int Bytes = 128 << 20;

    internal static void Run()
    {
        var data = new byte[Bytes];
        new Random(1).NextBytes(data);
        Say("sha256-64k", CpuClock.BestRate(Bytes, () => HashPieces(data, 64 << 10)));
        foreach (var sizes in new[] { ChunkSizes.Fine, ChunkSizes.Media })
        {
            var name = sizes == ChunkSizes.Fine ? "fine" : "media";
            foreach (var form in Enum.GetValues<ChunkerForm>().Where(Chunker.IsSupported))
                Say($"cut-{name}-{form}", CpuClock.BestRate(Bytes, () => Cut(data, Chunker.WithForm(sizes, form), hash: false)));
            Say($"cut+hash-{name}", CpuClock.BestRate(Bytes, () => Cut(data, Chunker.WithForm(sizes, Chunker.BestForm), hash: true)));
        }
    }

    private static void Cut(byte[] data, Chunker chunker, bool hash)
    {
        for (var at = 0; at < data.Length;)
        {
            var length = chunker.Cut(data.AsSpan(at));
            if (hash)
                ChunkHash.Of(data.AsSpan(at, length));
            at += length;
        }
    }

    private static void HashPieces(byte[] data, int piece)
    {
        Span<byte> hash = stackalloc byte[32];
        for (var at = 0; at < data.Length; at += piece)
            SHA256.HashData(data.AsSpan(at, piece), hash);
    }

    private static void Say(string name, double rate) => Console.WriteLine($"{name} {rate / 1e6:F0}");
}
