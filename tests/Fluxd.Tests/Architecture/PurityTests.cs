using System.Reflection.Metadata;
using System.Reflection.PortableExecutable;
using Xunit;

namespace Fluxd.Tests.Architecture;

/// <summary>What a project may touch, read from the names that its compiled code refers to.</summary>
public sealed class PurityTests
{
    [Fact]
    public void Core_touches_no_disk_no_socket_and_no_process_because_client_and_server_share_it()
    {
        string[] banned =
        [
            "System.IO.File", "System.IO.FileInfo", "System.IO.FileStream", "System.IO.Directory", "System.IO.DirectoryInfo",
            "System.IO.RandomAccess", "System.Net.Sockets.Socket", "System.Net.Http.HttpClient", "System.Diagnostics.Process",
            "System.Environment", "System.Console",
        ];

        Assert.Empty(TypesReferencedBy(typeof(Fluxd.Core.FluxError).Assembly.Location).Intersect(banned));
    }

    [Fact]
    public void Protocol_engines_do_not_know_Kestrel_so_that_tests_can_drive_them_over_a_pipe_in_memory()
    {
        string[] engines = ["Ssh", "Sftp"];
        var offenders = engines
            .Where(engine => Directory.Exists(Repository.PathOf("src", "Fluxd.Transports", engine)))
            .SelectMany(engine => Repository.SourcesUnder("src", "Fluxd.Transports", engine))
            .Where(file => !Path.GetFileNameWithoutExtension(file).EndsWith("Endpoint", StringComparison.Ordinal))
            .Where(file => File.ReadAllText(file).Contains("Microsoft.AspNetCore", StringComparison.Ordinal));

        Assert.Empty(offenders.Select(Path.GetFileName));
    }

    private static HashSet<string> TypesReferencedBy(string assembly)
    {
        using var file = File.OpenRead(assembly);
        using var image = new PEReader(file);
        var metadata = image.GetMetadataReader();
        return [.. metadata.TypeReferences
            .Select(metadata.GetTypeReference)
            .Select(type => $"{metadata.GetString(type.Namespace)}.{metadata.GetString(type.Name)}")];
    }
}
