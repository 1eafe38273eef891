using System.Globalization;
using System.Reflection;
using Fluxd.Core;
using Fluxd.Store.Catalog.Sqlite;

namespace Fluxd.Store.Catalog;

/// <summary>
/// The schema's steps: <c>sql/NNNN_name.sql</c>, applied in order, each in one transaction that also moves
/// <c>user_version</c>. An existing catalogue is copied beside before each. Steps that were released are never edited.
/// </summary>
internal static class Migrations
{
    private const string Prefix = "sql/";

    private static readonly Lazy<IReadOnlyList<Migration>> s_all = new(Load);

    internal static IReadOnlyList<Migration> All => s_all.Value;

    internal static int Newest => All[^1].Number;

    internal static int VersionOf(Database database) => (int)(database.Scalar("PRAGMA user_version") ?? 0);

    /// <summary>Brings the schema to the newest step, or to <paramref name="upTo"/>.</summary>
    /// <param name="copyTo">Makes the path of the copy before step N; null makes none.</param>
    /// <exception cref="FluxException">Unavailable: the catalogue is newer than this program.</exception>
    internal static void Run(Database database, Func<int, string>? copyTo, IReadOnlyList<Migration>? steps = null, int upTo = int.MaxValue)
    {
        steps ??= All;
        CheckKnown(database, steps);
        var version = VersionOf(database);
        foreach (var step in steps.Where(step => step.Number > version && step.Number <= upTo))
        {
            if (version > 0 && copyTo is not null)
            {
                Copy(database, copyTo(step.Number));
            }

            Apply(database, step);
        }
    }

    /// <exception cref="FluxException">Unavailable: the catalogue is newer than this program.</exception>
    internal static void CheckKnown(Database database, IReadOnlyList<Migration>? steps = null)
    {
        var (version, newest) = (VersionOf(database), (steps ?? All)[^1].Number);
        if (version > newest)
        {
            throw new FluxException(
                FluxError.Unavailable,
                $"The catalogue has schema {version} and this version of fluxd knows up to {newest}: start the newer fluxd that wrote it.");
        }
    }

    private static void Apply(Database database, Migration step)
    {
        database.Execute("BEGIN IMMEDIATE");
        try
        {
            database.Execute(step.Script);
            database.Execute(string.Create(CultureInfo.InvariantCulture, $"PRAGMA user_version={step.Number}; COMMIT"));
        }
        catch
        {
            database.RollBack();
            throw;
        }
    }

    private static void Copy(Database database, string path)
    {
        if (File.Exists(path))
        {
            // A copy from a start that failed later: today's catalogue is the same or newer.
            File.Delete(path);
        }

        try
        {
            using var copy = database.Sql("VACUUM INTO ?1").Bind(path);
            copy.Run();
        }
        catch
        {
            // On a full disk half a copy would hold the room that everybody needs.
            File.Delete(path);
            throw;
        }
    }

    private static List<Migration> Load()
    {
        var assembly = Assembly.GetExecutingAssembly();
        return [.. assembly.GetManifestResourceNames()
            .Where(name => name.StartsWith(Prefix, StringComparison.Ordinal))
            .Order(StringComparer.Ordinal)
            .Select(name => new Migration(
                int.Parse(name.AsSpan(Prefix.Length, 4), CultureInfo.InvariantCulture), name[Prefix.Length..], ReadAll(assembly, name)))];
    }

    private static string ReadAll(Assembly assembly, string name)
    {
        using var reader = new StreamReader(assembly.GetManifestResourceStream(name)!);
        return reader.ReadToEnd();
    }
}

internal sealed record Migration(int Number, string Name, string Script);
