using System.Runtime.Intrinsics;

namespace Fluxd.Core.Chunking;

/// <summary>A way to compute the cuts. All forms cut alike; they differ in speed.</summary>
public enum ChunkerForm
{
    Scalar,
    Vector256,
    Vector512,
}

/// <summary>
/// Cuts content where its own bytes say so, so that equal stretches become equal chunks wherever they stand.
/// Pure and stateless: safe to share between threads. <see cref="ChunkCutter"/> is the form for input that
/// arrives in pieces.
/// </summary>
public sealed unsafe class Chunker
{
    /// <summary>Names this algorithm in store.json and in protocols.</summary>
    public const string Id = "two-level-1";

    private readonly delegate*<byte*, int, int, ulong, int> _scan;

    private Chunker(ChunkSizes sizes, ChunkerForm form)
    {
        Sizes = sizes;
        Form = form;
        _scan = form switch
        {
            ChunkerForm.Vector512 => &VectorCutScanner<Ops512, Vector512<byte>>.Scan,
            ChunkerForm.Vector256 => &VectorCutScanner<Ops256, Vector256<byte>>.Scan,
            _ => &CutScanner.Scalar,
        };
    }

    /// <summary>The seed of the tables, as store.json and docs/store-format.md name it.</summary>
    public static ulong Seed => ChunkerTables.Seed;

    /// <summary>The fastest form that this processor has.</summary>
    public static ChunkerForm BestForm { get; } =
        Ops512.IsSupported ? ChunkerForm.Vector512 : Ops256.IsSupported ? ChunkerForm.Vector256 : ChunkerForm.Scalar;

    public static Chunker Fine { get; } = new(ChunkSizes.Fine, BestForm);

    public static Chunker Media { get; } = new(ChunkSizes.Media, BestForm);

    public ChunkSizes Sizes { get; }

    public ChunkerForm Form { get; }

    public static Chunker For(ChunkClass chunkClass) => chunkClass == ChunkClass.Media ? Media : Fine;

    public static bool IsSupported(ChunkerForm form) => form switch
    {
        ChunkerForm.Vector512 => Ops512.IsSupported,
        ChunkerForm.Vector256 => Ops256.IsSupported,
        _ => true,
    };

    /// <summary>A given form, for tests and measurements.</summary>
    /// <exception cref="PlatformNotSupportedException">This processor lacks the form.</exception>
    internal static Chunker WithForm(ChunkSizes sizes, ChunkerForm form) => IsSupported(form)
        ? new Chunker(sizes, form)
        : throw new PlatformNotSupportedException($"This processor lacks the {form} form of the chunker.");

    /// <summary>The length of the chunk that begins at the start of <paramref name="content"/>, which is either all
    /// that is left or at least <see cref="ChunkSizes.Max"/> bytes.</summary>
    public int Cut(ReadOnlySpan<byte> content)
    {
        if (content.Length <= Sizes.Min)
            return content.Length;
        var end = Math.Min(content.Length, Sizes.Max);
        fixed (byte* data = content)
        {
            var cut = Scan(data, Sizes.Min, end, 0);
            return cut < 0 ? end : cut + 1;
        }
    }

    /// <summary>Scans positions [from, to) of <paramref name="data"/>, whose first byte stands at
    /// <paramref name="offset"/> in its chunk, for the last byte of that chunk; -1 when it isn't among them.
    /// Needs <see cref="CutScanner.Window"/> readable bytes before <paramref name="from"/>.</summary>
    internal int Scan(byte* data, int from, int to, int offset)
    {
        var average = Math.Clamp(Sizes.Average - offset, from, to);
        var cut = average > from ? _scan(data, from, average, Sizes.StrictMask) : -1;
        return cut < 0 && to > average ? _scan(data, average, to, Sizes.LooseMask) : cut;
    }
}
