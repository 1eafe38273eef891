using System.Collections.Immutable;
using System.Diagnostics.CodeAnalysis;
using System.Text;

namespace Fluxd.Core.Files;

/// <summary>
/// A place in a user's tree: a list of names from the root, never a host path. Purely lexical:
/// ".." is taken away while parsing and stops at the root, as "/.." is "/" in every file system.
/// </summary>
public sealed class FilePath : IEquatable<FilePath>
{
    public static readonly FilePath Root = new([]);

    private FilePath(ImmutableArray<FileName> names) => Names = names;

    public ImmutableArray<FileName> Names { get; }

    public bool IsRoot => Names.IsEmpty;

    /// <summary>The last name. Must not be asked of the root.</summary>
    public FileName Name => Names[^1];

    public FilePath Parent => IsRoot ? this : new FilePath(Names.RemoveAt(Names.Length - 1));

    public FilePath Append(FileName name) => Names.Length < Limits.PathDepthMax
        ? new FilePath(Names.Add(name))
        : throw TooDeep();

    /// <summary>Parses a path relative to <paramref name="from"/>; a leading '/' starts at the root.</summary>
    /// <exception cref="FluxException">Invalid (NUL) or TooLarge.</exception>
    public static FilePath Parse(ReadOnlySpan<byte> bytes, FilePath? from = null)
    {
        if (bytes.Length > Limits.PathBytesMax)
        {
            throw new FluxException(FluxError.TooLarge, $"The path is {bytes.Length} bytes long; at most {Limits.PathBytesMax} are possible.");
        }

        var names = bytes is [(byte)'/', ..] || from is null
            ? ImmutableArray.CreateBuilder<FileName>()
            : from.Names.ToBuilder();
        foreach (var range in bytes.Split((byte)'/'))
        {
            Step(names, bytes[range]);
        }

        return names.Count == 0 ? Root : new FilePath(names.ToImmutable());
    }

    public static FilePath Parse(string text, FilePath? from = null) => Parse(Encoding.UTF8.GetBytes(text), from);

    public static FilePath From(IEnumerable<FileName> names)
    {
        ImmutableArray<FileName> all = [.. names];
        return all.IsEmpty ? Root : all.Length <= Limits.PathDepthMax ? new FilePath(all) : throw TooDeep();
    }

    private static FluxException TooDeep() => new(FluxError.TooLarge, $"The path is more than {Limits.PathDepthMax} folders deep.");

    private static void Step(ImmutableArray<FileName>.Builder names, ReadOnlySpan<byte> part)
    {
        if (part.IsEmpty || part.SequenceEqual("."u8))
        {
            return;
        }

        if (part.SequenceEqual(".."u8))
        {
            if (names.Count > 0)
            {
                names.RemoveAt(names.Count - 1);
            }

            return;
        }

        if (names.Count >= Limits.PathDepthMax)
        {
            throw TooDeep();
        }

        names.Add(FileName.From(part));
    }

    /// <summary>Is this path <paramref name="ancestor"/> itself or below it?</summary>
    public bool IsWithin(FilePath ancestor) =>
        Names.Length >= ancestor.Names.Length
        && Names.AsSpan()[..ancestor.Names.Length].SequenceEqual(ancestor.Names.AsSpan());

    /// <summary>The exact bytes, with a leading '/'.</summary>
    public byte[] ToBytes()
    {
        if (IsRoot)
        {
            return "/"u8.ToArray();
        }

        var bytes = new byte[Names.Sum(name => name.Bytes.Length + 1)];
        var at = 0;
        foreach (var name in Names)
        {
            bytes[at++] = (byte)'/';
            name.Bytes.CopyTo(bytes.AsSpan(at));
            at += name.Bytes.Length;
        }

        return bytes;
    }

    /// <summary>For people and logs at Debug only; see <see cref="FileName.ToString"/>.</summary>
    public override string ToString() => Encoding.UTF8.GetString(ToBytes());

    public bool Equals([NotNullWhen(true)] FilePath? other) => other is not null && Names.AsSpan().SequenceEqual(other.Names.AsSpan());

    public override bool Equals(object? obj) => Equals(obj as FilePath);

    public override int GetHashCode()
    {
        var hash = new HashCode();
        foreach (var name in Names)
        {
            hash.Add(name);
        }

        return hash.ToHashCode();
    }
}
