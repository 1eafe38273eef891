using System.Runtime.Intrinsics;
using Fluxd.Core.Chunking;
using Xunit;
using Xunit.Abstractions;

namespace Fluxd.Tests.Core.Chunking;

public sealed class ChunkerTests(ITestOutputHelper output)
{
    private static readonly ChunkSizes[] s_sizes = [ChunkSizes.Fine, ChunkSizes.Media];

    [Fact]
    public void Every_form_cuts_as_the_documented_definition_does()
    {
        var forms = Enum.GetValues<ChunkerForm>().Where(form => !SkippedFor(form)).ToList();
        foreach (var (name, data) in ChunkSamples.All(output))
        {
            foreach (var sizes in s_sizes)
            {
                var expected = ReferenceCuts.Of(data, sizes);
                foreach (var form in forms)
                    Assert.True(expected.SequenceEqual(Cuts(data, Chunker.WithForm(sizes, form))), $"{name}, {sizes.Average}, {form}");
            }
        }
    }

    [Theory]
    [InlineData(ChunkerForm.Vector256)]
    [InlineData(ChunkerForm.Vector512)]
    public void Every_form_cuts_real_files_as_the_scalar_one_does(ChunkerForm form)
    {
        if (SkippedFor(form))
            return;
        var cuts = 0;
        foreach (var file in ChunkSamples.RealFiles())
        {
            var data = File.ReadAllBytes(file);
            foreach (var sizes in s_sizes)
            {
                var expected = Cuts(data, Chunker.WithForm(sizes, ChunkerForm.Scalar));
                Assert.True(expected.SequenceEqual(Cuts(data, Chunker.WithForm(sizes, form))), file);
                cuts += expected.Count;
            }
        }
        output.WriteLine($"{cuts} cuts in real files");
        Assert.True(cuts > 200);
    }

    [Fact]
    public void The_64_byte_wide_algorithm_finds_the_same_positions_without_the_processor_that_has_it()
    {
        // Ops512's instructions need AVX-512, but the algorithm at that width doesn't: two 256-bit halves stand in.
        if (SkippedFor(ChunkerForm.Vector256))
            return;
        foreach (var (name, data) in ChunkSamples.All(output))
            Assert.True(Positions(data, wide: false).SequenceEqual(Positions(data, wide: true)), name);
    }

    [Fact]
    public void Any_split_of_the_input_gives_the_cuts_of_the_whole()
    {
        foreach (var (name, data) in ChunkSamples.All(output))
        {
            foreach (var chunker in new[] { Chunker.Fine, Chunker.WithForm(ChunkSizes.Fine, ChunkerForm.Scalar) })
            {
                var whole = Cuts(data, chunker);
                foreach (var piece in new[] { 1, 63, 64, 65, 4096, 100_000, -1, -2, -3 })
                {
                    if (piece == 1 && (chunker.Form == ChunkerForm.Scalar || data.Length > 300_000))
                        continue; // the seam is the same; the time is better spent elsewhere
                    Assert.True(whole.SequenceEqual(StreamedCuts(data, chunker, piece)), $"{name} in pieces of {piece}");
                }
            }
        }
    }

    [Fact]
    public void Chunks_keep_their_class_s_limits_and_come_near_its_average()
    {
        var data = ChunkSamples.Random(64 << 20, 7);
        foreach (var sizes in s_sizes)
        {
            var cuts = Cuts(data, Chunker.WithForm(sizes, Chunker.BestForm));
            Assert.All(cuts.SkipLast(1), length => Assert.InRange(length, sizes.Min + 1, sizes.Max));
            Assert.Equal(data.Length, cuts.Sum());
            Assert.InRange(cuts.Average(), sizes.Average * 0.8, sizes.Average * 1.5);
        }
    }

    [Fact]
    public void Zeros_are_cut_at_the_greatest_length_only()
    {
        var cuts = Cuts(new byte[3 * (256 << 10) + 5], Chunker.Fine);
        Assert.Equal([256 << 10, 256 << 10, 256 << 10, 5], cuts);
    }

    [Fact]
    public void Cuts_meet_again_behind_an_insertion()
    {
        var data = ChunkSamples.Random(8 << 20, 11);
        byte[] shifted = [.. data[..1_000_000], .. "something new"u8, .. data[1_000_000..]];
        var before = Chunks(data, Chunker.Fine);
        var after = Chunks(shifted, Chunker.Fine);
        Assert.InRange(after.Except(before).Count(), 1, 4);
    }

    [Fact]
    public void A_file_of_the_whole_class_is_one_chunk_in_the_fine_class_too()
    {
        var data = ChunkSamples.Random(ChunkSizes.WholeMax, 3);
        Assert.Equal([data.Length], Cuts(data, Chunker.For(ChunkClass.Whole)));
        Assert.Equal([data.Length], Cuts(data, Chunker.Fine));
    }

    private bool SkippedFor(ChunkerForm form)
    {
        if (Chunker.IsSupported(form))
            return false;
        output.WriteLine($"skipped: this processor lacks the {form} form");
        return true;
    }

    private static List<int> Cuts(byte[] data, Chunker chunker)
    {
        var cuts = new List<int>();
        for (var at = 0; at < data.Length; at += cuts[^1])
            cuts.Add(chunker.Cut(data.AsSpan(at)));
        return cuts;
    }

    private static List<ChunkHash> Chunks(byte[] data, Chunker chunker)
    {
        var at = 0;
        return [.. Cuts(data, chunker).Select(length => ChunkHash.Of(data.AsSpan((at += length) - length, length)))];
    }

    /// <param name="piece">The pieces' length; negative: the seed of random lengths.</param>
    private static List<int> StreamedCuts(byte[] data, Chunker chunker, int piece)
    {
        var random = new Random(piece);
        var cutter = new ChunkCutter(chunker);
        var cuts = new List<int>();
        var length = 0;
        for (var at = 0; at < data.Length;)
        {
            var given = piece > 0 ? piece : random.Next(4) == 0 ? random.Next(200) : random.Next(200_000);
            var input = data.AsSpan(at, Math.Min(given, data.Length - at));
            while (!input.IsEmpty)
            {
                var taken = cutter.Take(input, out var ends);
                length += taken;
                input = input[taken..];
                at += taken;
                if (ends)
                    cuts.Add(length);
                length = ends ? 0 : length;
                Assert.Equal(length, cutter.Pending);
            }
        }
        if (length > 0)
            cuts.Add(length);
        return cuts;
    }

    private static unsafe List<int> Positions(byte[] data, bool wide)
    {
        const ulong mask = 7UL << 58;
        var positions = new List<int>();
        fixed (byte* p = data)
        {
            for (var from = CutScanner.Window; from < data.Length; from = positions[^1] + 1)
            {
                positions.Add(wide
                    ? VectorCutScanner<TwoHalves, (Vector256<byte> Lower, Vector256<byte> Upper)>.Scan(p, from, data.Length, mask)
                    : CutScanner.Scalar(p, from, data.Length, mask));
                if (positions[^1] < 0)
                    break;
            }
        }
        return positions;
    }
}
