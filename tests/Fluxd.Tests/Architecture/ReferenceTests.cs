using System.Reflection;
using System.Xml.Linq;
using Xunit;

namespace Fluxd.Tests.Architecture;

/// <summary>Each arrow of the house, and why it points one way only.</summary>
public sealed class ReferenceTests
{
    [Fact]
    public void Core_refers_to_no_other_project_because_everybody_refers_to_it() =>
        Assert.Empty(ProjectsReferencedBy("Fluxd.Core"));

    [Fact]
    public void Core_has_no_package_because_a_rule_must_not_depend_on_a_library() =>
        Assert.Empty(PackagesOf("Fluxd.Core"));

    [Fact]
    public void Store_refers_to_Core_alone_because_it_must_not_know_who_asks() =>
        Assert.Equal(["Fluxd.Core"], ProjectsReferencedBy("Fluxd.Store"));

    [Fact]
    public void Transports_refer_to_Core_alone_because_a_frontend_must_not_see_SQL_packs_or_host_paths() =>
        Assert.Equal(["Fluxd.Core"], ProjectsReferencedBy("Fluxd.Transports"));

    [Fact]
    public void Fluxctl_knows_the_admin_records_and_the_client_engine_but_never_the_store() =>
        Assert.Equal(["Fluxd.Core", "Fluxd.Transports"], ProjectsReferencedBy("fluxctl"));

    [Fact]
    public void Only_the_daemon_knows_everybody_because_there_must_be_one_place_that_puts_them_together()
    {
        Assert.Equal(["Fluxd.Core", "Fluxd.Store", "Fluxd.Transports"], ProjectsReferencedBy("Fluxd.Daemon"));
        Assert.DoesNotContain("Fluxd.Daemon", Projects().Where(project => project != "Fluxd.Daemon").SelectMany(ProjectsReferencedBy));
    }

    [Fact]
    public void Database_packages_stay_inside_Store_because_the_catalogue_has_one_owner()
    {
        foreach (var project in Projects().Where(project => project != "Fluxd.Store"))
        {
            Assert.DoesNotContain(PackagesOf(project), package => package.Contains("Sqlite", StringComparison.OrdinalIgnoreCase));
        }

        var visible = ProjectFile("Fluxd.Store").Descendants("PackageReference")
            .Where(reference => (string?)reference.Attribute("PrivateAssets") is not ("compile" or "all"));
        Assert.Empty(visible);
    }

    [Fact]
    public void Store_does_not_know_the_web_because_the_same_store_serves_every_protocol() =>
        Assert.DoesNotContain(AssembliesReferencedBy(Assembly.Load("Fluxd.Store")), IsWeb);

    [Fact]
    public void Core_does_not_know_the_web_a_database_or_a_logger() =>
        Assert.DoesNotContain(
            AssembliesReferencedBy(typeof(Fluxd.Core.FluxError).Assembly),
            name => IsWeb(name) || name.StartsWith("Microsoft.", StringComparison.Ordinal) || name.StartsWith("Serilog", StringComparison.Ordinal));

    private static bool IsWeb(string assembly) => assembly.StartsWith("Microsoft.AspNetCore", StringComparison.Ordinal);

    private static IEnumerable<string> AssembliesReferencedBy(Assembly assembly) =>
        assembly.GetReferencedAssemblies().Select(name => name.Name!);

    private static IEnumerable<string> Projects() =>
        Directory.GetDirectories(Repository.PathOf("src"))
            .Where(folder => Directory.EnumerateFiles(folder, "*.csproj").Any())
            .Select(folder => Path.GetFileName(folder));

    private static XDocument ProjectFile(string project) => XDocument.Load(Repository.PathOf("src", project, project + ".csproj"));

    private static string[] ProjectsReferencedBy(string project) =>
        [.. ProjectFile(project).Descendants("ProjectReference")
            .Select(reference => Path.GetFileNameWithoutExtension((string)reference.Attribute("Include")!))
            .Order(StringComparer.Ordinal)];

    private static string[] PackagesOf(string project) =>
        [.. ProjectFile(project).Descendants("PackageReference").Select(reference => (string)reference.Attribute("Include")!)];
}
