using System.Net;
using System.Net.Sockets;
using Fluxd.Core.Files;
using Fluxd.Store.Packs.Codecs;
using Microsoft.Win32.SafeHandles;

namespace Fluxd.Bench;

/// <summary>A cached, contiguous file into a loopback socket: out of the store, and by read and send of a plain file, in turns.</summary>
internal static class SocketRead
{
    private const int Piece = 256 << 10;
    private const int Turns = 7;

    internal static async Task RunAsync(string source, string folder)
    {
        await using var store = await OpenStore.OpenAsync(folder, CompressionMode.Off);
        await StoreAsync(store, source);
        using var plain = File.OpenHandle(source);
        using var listener = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp);
        listener.Bind(new IPEndPoint(IPAddress.Loopback, 0));
        listener.Listen();
        using var sender = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp);
        await sender.ConnectAsync(listener.LocalEndPoint!);
        using var receiver = await listener.AcceptAsync();
        var sink = Task.Factory.StartNew(() => Discard(receiver), CancellationToken.None, TaskCreationOptions.LongRunning, TaskScheduler.Default);
        await using var file = await store.Trees.Files.OpenAsync(
            OpenStore.Who, FilePath.Parse("/file"), new OpenRequest { Access = OpenAccess.Read }, CancellationToken.None);
        var buffer = new byte[Piece];
        for (var turn = -1; turn < Turns; turn++)
        {
            var (fromFile, fileCpu) = await MeasureAsync(() => Task.FromResult(SendPlain(plain, sender, buffer)));
            var (fromStore, storeCpu) = await MeasureAsync(() => SendStoredAsync(file, sender, buffer));
            if (turn >= 0)
            {
                Console.WriteLine($"turn {fromStore:F0} {fromFile:F0} {storeCpu:F3} {fileCpu:F3}");
            }
        }

        sender.Shutdown(SocketShutdown.Send);
        await sink;
    }

    private static async Task StoreAsync(OpenStore store, string source)
    {
        using var from = File.OpenHandle(source);
        var buffer = new byte[Piece];
        var request = new OpenRequest { Access = OpenAccess.Write, Create = true, Truncate = true };
        await using var to = await store.Trees.Files.OpenAsync(OpenStore.Who, FilePath.Parse("/file"), request, CancellationToken.None);
        var offset = 0L;
        while (RandomAccess.Read(from, buffer, offset) is > 0 and var got)
        {
            await to.WriteAsync(offset, buffer.AsMemory(0, got), CancellationToken.None);
            offset += got;
        }

        await to.CloseAsync(CancellationToken.None);
    }

    private static async Task<(double MegabytesPerSecond, double CpuPerGigabyte)> MeasureAsync(Func<Task<long>> send)
    {
        var usage = new Usage();
        var bytes = await send();
        return (bytes / usage.WallSeconds / 1e6, usage.CpuSeconds / bytes * 1e9);
    }

    private static long SendPlain(SafeFileHandle file, Socket to, byte[] buffer)
    {
        var offset = 0L;
        while (RandomAccess.Read(file, buffer, offset) is > 0 and var got)
        {
            SendAll(to, buffer.AsSpan(0, got));
            offset += got;
        }

        return offset;
    }

    private static async Task<long> SendStoredAsync(IOpenFile file, Socket to, byte[] buffer)
    {
        var offset = 0L;
        while (await file.ReadAsync(offset, buffer, CancellationToken.None) is > 0 and var got)
        {
            SendAll(to, buffer.AsSpan(0, got));
            offset += got;
        }

        return offset;
    }

    private static void SendAll(Socket to, ReadOnlySpan<byte> bytes)
    {
        while (!bytes.IsEmpty)
        {
            bytes = bytes[to.Send(bytes)..];
        }
    }

    private static void Discard(Socket from)
    {
        var buffer = new byte[Piece];
        while (from.Receive(buffer) > 0)
        {
        }
    }
}
