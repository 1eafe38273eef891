using System.Text;
using Fluxd.Core;
using Fluxd.Core.Files;
using Xunit;

namespace Fluxd.Tests.Core.Files;

public sealed class FilePathTests
{
    [Theory]
    [InlineData("/", "/")]
    [InlineData("", "/")]
    [InlineData("a/b", "/a/b")]
    [InlineData("//a///b/", "/a/b")]
    [InlineData("/a/./b/.", "/a/b")]
    [InlineData("/a/../b", "/b")]
    [InlineData("/../../etc/passwd", "/etc/passwd")]
    [InlineData("/a/b/../../../..", "/")]
    [InlineData("/...", "/...")]
    public void Paths_are_parsed_lexically_and_stop_at_the_root(string text, string expected) =>
        Assert.Equal(expected, FilePath.Parse(text).ToString());

    [Fact]
    public void A_relative_path_starts_where_it_is_told() =>
        Assert.Equal("/a/c", FilePath.Parse("../c", FilePath.Parse("/a/b")).ToString());

    [Fact]
    public void Bytes_that_are_no_text_are_kept()
    {
        byte[] odd = [(byte)'/', 0xff, 0xfe, (byte)'/', 0xc3];
        Assert.Equal(odd, FilePath.Parse(odd).ToBytes());
    }

    [Fact]
    public void A_nul_byte_is_refused()
    {
        var error = Assert.Throws<FluxException>(() => FilePath.Parse("/a\0b"));
        Assert.Equal(FluxError.Invalid, error.Error);
    }

    [Fact]
    public void Names_are_bounded_to_255_bytes()
    {
        Assert.Equal(255, FileName.From(new string('x', 255)).Bytes.Length);
        Assert.Equal(FluxError.TooLarge, Assert.Throws<FluxException>(() => FileName.From(new string('x', 256))).Error);
        Assert.Equal(FluxError.TooLarge, Assert.Throws<FluxException>(() => FileName.From(new string('ä', 128))).Error);
    }

    [Fact]
    public void Depth_and_length_are_bounded()
    {
        Assert.Equal(FluxError.TooLarge, Assert.Throws<FluxException>(() => FilePath.Parse(string.Concat(Enumerable.Repeat("/a", 257)))).Error);
        Assert.Equal(FluxError.TooLarge, Assert.Throws<FluxException>(() => FilePath.Parse(new string('/', 4097))).Error);
    }

    [Fact]
    public void Composed_and_decomposed_names_are_two_names() =>
        Assert.NotEqual(FileName.From("\u00e4"), FileName.From("a\u0308"));

    [Theory]
    [InlineData("/a/b", "/a", true)]
    [InlineData("/a", "/a", true)]
    [InlineData("/ab", "/a", false)]
    [InlineData("/", "/a", false)]
    [InlineData("/a", "/", true)]
    public void Within_counts_names_not_characters(string path, string ancestor, bool expected) =>
        Assert.Equal(expected, FilePath.Parse(path).IsWithin(FilePath.Parse(ancestor)));

    [Theory]
    [InlineData(0L, 0L, 0)]
    [InlineData(-1L, -1L, 999_999_999)]
    [InlineData(-1_000_000_000L, -1L, 0)]
    [InlineData(4_102_444_800_000_000_123L, 4_102_444_800L, 123)]
    public void Times_split_into_seconds_and_nanoseconds_on_both_sides_of_1970(long nanoseconds, long seconds, int rest)
    {
        var time = new FileTime(nanoseconds);
        Assert.Equal(seconds, time.Seconds);
        Assert.Equal(rest, time.NanosecondsOfSecond);
        Assert.Equal(time, FileTime.FromSeconds(seconds, rest));
    }

    [Fact]
    public void A_name_of_text_shows_as_that_text() => Assert.Equal("grün", FileName.From(Encoding.UTF8.GetBytes("grün")).ToString());
}
