using System.Text;
using Fluxd.Daemon.Config.Toml;
using Xunit;

namespace Fluxd.Tests.Daemon.Config;

public sealed class TomlReaderTests
{
    [Theory]
    [InlineData("a = \"x\"\r\nb = 'c:\\d'\r\n", "a", "x")]
    [InlineData("a = \"\"\"\nline\\\n   joined\"\"\"", "a", "linejoined")]
    [InlineData("a = \"\"\"\"two\"\" quotes\"\"\"\"\"", "a", "\"two\"\" quotes\"\"")]
    [InlineData("a = '''\n\\n stays'''", "a", "\\n stays")]
    [InlineData("a = \"\\U0001F600\\t\"", "a", "\U0001F600\t")]
    [InlineData("'quoted key' = \"v\"", "quoted key", "v")]
    public void Strings_come_out_as_they_were_meant(string text, string key, string expected) =>
        Assert.Equal(expected, ((TomlString)TomlReader.Read(text)[key]).Value);

    [Theory]
    [InlineData("0xFF", 255)]
    [InlineData("0o17", 15)]
    [InlineData("0b1_01", 5)]
    [InlineData("-9223372036854775808", long.MinValue)]
    [InlineData("1_000", 1000)]
    public void Integers_have_four_notations(string text, long expected) =>
        Assert.Equal(expected, ((TomlInteger)TomlReader.Read("a = " + text)["a"]).Value);

    [Theory]
    [InlineData("a = 1\nb = ", 2, 5)]
    [InlineData("a = 1\na = 2", 2, 1)]
    [InlineData("[t]\n[t]", 2, 2)]
    [InlineData("a = \"open", 1, 5)]
    [InlineData("a = 01", 1, 5)]
    [InlineData("a = [1, 2\nb = 3", 2, 1)]
    [InlineData("é = 1", 1, 1)]
    [InlineData("a = 'é' x", 1, 9)]
    [InlineData("a = 9223372036854775808", 1, 5)]
    [InlineData("a = 2026-02-30", 1, 5)]
    [InlineData("a = 1 # bell \u0007", 1, 14)]
    [InlineData("a = {b = 1,}", 1, 12)]
    [InlineData("a = {b = 1}\n[a.c]", 2, 2)]
    [InlineData("a.b = 1\n[a]", 2, 2)]
    [InlineData("a = 1 b = 2", 1, 7)]
    [InlineData("a = \"\\q\"", 1, 6)]
    public void A_mistake_is_pointed_at(string text, int line, int column)
    {
        var fault = Assert.Throws<TomlException>(() => TomlReader.Read(text));

        Assert.Equal(new TomlPosition(line, column), fault.Position);
    }

    [Fact]
    public void Bytes_that_are_no_UTF8_are_refused_with_their_place()
    {
        var fault = Assert.Throws<TomlException>(() => TomlReader.Read([.. "a = 1\nb = '"u8, 0xFF, .. "'"u8]));

        Assert.Equal(new TomlPosition(2, 6), fault.Position);
    }

    [Fact]
    public void A_hostile_depth_ends_in_a_fault_and_not_in_an_exhausted_stack() =>
        Assert.Throws<TomlException>(() => TomlReader.Read("a = " + new string('[', 100_000)));

    [Fact]
    public void Random_text_is_read_or_refused_and_never_breaks_the_reader()
    {
        var seed = Environment.TickCount;
        var random = new Random(seed);
        const string alphabet = "ab1_-.=[]{}\"'\\\n\r\t #,:+TZeinf0x\u0001é";
        for (var round = 0; round < 20_000; round++)
        {
            var text = new StringBuilder();
            for (var length = random.Next(40); length > 0; length--)
            {
                text.Append(alphabet[random.Next(alphabet.Length)]);
            }

            try
            {
                TomlReader.Read(text.ToString());
            }
            catch (TomlException)
            {
            }
            catch (Exception e)
            {
                Assert.Fail($"seed {seed}: {text} made {e}");
            }
        }
    }
}
