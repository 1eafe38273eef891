using System.Net;
using System.Net.Http.Headers;
using System.Text;
using Fluxd.EndToEnd.House;
using Xunit;

namespace Fluxd.EndToEnd.Store;

/// <summary>A machine without libzstd: what is raw is read, what is compressed is refused in words, what is new is stored raw.</summary>
public sealed class WithoutZstdTests
{
    private const int Size = 300_000;
    private static readonly string[] s_arguments = ["--set", "http.listen=127.0.0.1:0"];
    private static readonly HttpClient s_client = new() { Timeout = DaemonProcess.Patience };

    [Fact(Timeout = 240_000)]
    public async Task A_store_lives_with_and_without_the_library()
    {
        var noise = new byte[Size];
        new Random(1).NextBytes(noise);
        await using var first = DaemonProcess.Start(s_arguments);
        await first.ReadyAsync();
        var password = first.Password;
        await PutAsync(first, password, "text", Text(1));
        var compressed = await StopAsync(first);
        Assert.InRange(compressed, 1, Size - 1);

        var folder = Directory.CreateDirectory(first.Folder.FullName);
        await using var raw = await WithoutAsync(folder);
        Assert.Equal((HttpStatusCode.ServiceUnavailable, true), await RefusalAsync(raw, password, "text"));
        await PutAsync(raw, password, "noise", noise);
        await PutAsync(raw, password, "text raw", Text(2));
        Assert.Equal(noise, await GetAsync(raw, password, "noise"));
        Assert.Equal(Text(2), await GetAsync(raw, password, "text raw"));
        Assert.True(await StopAsync(raw) - compressed >= 2 * Size, "What came without the library was not stored raw.");

        await using var again = DaemonProcess.StartIn(folder, s_arguments);
        await again.ReadyAsync();
        Assert.Equal(Text(1), await GetAsync(again, password, "text"));
        Assert.Equal(Text(2), await GetAsync(again, password, "text raw"));
        Assert.Equal(noise, await GetAsync(again, password, "noise"));
    }

    /// <summary>The loader looks here first and finds nothing that it can load.</summary>
    private static async Task<DaemonProcess> WithoutAsync(DirectoryInfo folder)
    {
        var hidden = folder.CreateSubdirectory("hidden").FullName;
        await File.WriteAllBytesAsync(Path.Combine(hidden, "libzstd.so.1"), []);
        var daemon = DaemonProcess.StartIn(folder, $"export LD_LIBRARY_PATH='{hidden}';", s_arguments);
        await daemon.ReadyAsync();
        return daemon;
    }

    /// <summary>Stops it, and counts what its packs hold.</summary>
    private static async Task<long> StopAsync(DaemonProcess daemon)
    {
        daemon.Signal("TERM");
        await daemon.ExitAsync();
        return daemon.Folder.EnumerateFiles("*.pack", SearchOption.AllDirectories).Sum(file => file.Length);
    }

    private static async Task PutAsync(DaemonProcess daemon, string password, string name, byte[] bytes)
    {
        using var request = Request(HttpMethod.Put, daemon, password, name);
        request.Content = new ByteArrayContent(bytes);
        using var response = await s_client.SendAsync(request);
        Assert.True(response.IsSuccessStatusCode, await response.Content.ReadAsStringAsync());
    }

    private static async Task<byte[]> GetAsync(DaemonProcess daemon, string password, string name)
    {
        using var response = await s_client.SendAsync(Request(HttpMethod.Get, daemon, password, name));
        Assert.Equal(HttpStatusCode.OK, response.StatusCode);
        return await response.Content.ReadAsByteArrayAsync();
    }

    private static async Task<(HttpStatusCode Status, bool NamesThePackage)> RefusalAsync(DaemonProcess daemon, string password, string name)
    {
        using var response = await s_client.SendAsync(Request(HttpMethod.Get, daemon, password, name));
        return (response.StatusCode, (await response.Content.ReadAsStringAsync()).Contains("install libzstd1", StringComparison.Ordinal));
    }

    private static HttpRequestMessage Request(HttpMethod method, DaemonProcess daemon, string password, string name)
    {
        var request = new HttpRequestMessage(method, $"{daemon.Url}/v1/files/{Uri.EscapeDataString(name)}");
        request.Headers.Authorization = new AuthenticationHeaderValue("Basic", Convert.ToBase64String(Encoding.UTF8.GetBytes("admin:" + password)));
        return request;
    }

    private static byte[] Text(int seed)
    {
        var random = new Random(seed);
        return [.. Enumerable.Range(0, Size).Select(_ => (byte)"etaoin shrdlu\n"[random.Next(14)])];
    }
}
