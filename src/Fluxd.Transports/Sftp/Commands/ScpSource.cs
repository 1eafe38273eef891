using System.Globalization;
using System.Text;
using Fluxd.Core;
using Fluxd.Core.Files;
using Fluxd.Core.Transfers;

namespace Fluxd.Transports.Sftp.Commands;

/// <summary><c>scp -f</c>. Patterns in the last name are expanded here, since no shell does it.</summary>
internal sealed class ScpSource(IFiles files, RemoteCommandCall call, ScpWire wire, HashSet<char> options, TimeProvider clock)
{
    private const int DataBytes = SftpLimits.ReadBytesMax;
    private readonly bool _recursive = options.Contains('r');
    private readonly bool _keepTimes = options.Contains('p');
    private int _status;

    public async Task<int> SendAsync(IReadOnlyList<byte[]> operands, CancellationToken ct)
    {
        await wire.ReadAnswerAsync(ct);
        foreach (var operand in operands)
        {
            try
            {
                foreach (var path in await ExpandAsync(FilePath.Parse(operand), ct))
                {
                    await SendAsync(path, ct);
                }
            }
            catch (FluxException error)
            {
                await FailAsync($"{Encoding.UTF8.GetString(operand)}: {error.Message}", ct);
            }
        }

        return _status;
    }

    private async Task<List<FilePath>> ExpandAsync(FilePath path, CancellationToken ct)
    {
        if (path.IsRoot || path.Name.Bytes.IndexOfAny("*?"u8) < 0 || await ExistsAsync(path, ct))
        {
            return [path];
        }

        var found = new List<FilePath>();
        string? cursor = null;
        do
        {
            var page = await files.ListAsync(call.Who, path.Parent, new ListRequest { Cursor = cursor }, ct);
            found.AddRange(page.Entries.Where(node => Matches(path.Name.Bytes, node.Name.Bytes)).Select(node => path.Parent.Append(node.Name)));
            cursor = page.Next;
        }
        while (cursor is not null);
        return found.Count > 0 ? found : throw FluxException.NotFound("No file matches.");
    }

    private async Task<bool> ExistsAsync(FilePath path, CancellationToken ct)
    {
        try
        {
            await files.StatAsync(call.Who, path, followLink: true, ct);
            return true;
        }
        catch (FluxException error) when (error.Error == FluxError.NotFound)
        {
            return false;
        }
    }

    /// <summary>As a shell: '*' and '?', and neither matches a leading dot. Pure; linear with one place to go back to.</summary>
    internal static bool Matches(ReadOnlySpan<byte> pattern, ReadOnlySpan<byte> name)
    {
        if (name is [(byte)'.', ..] && pattern is not [(byte)'.', ..])
        {
            return false;
        }

        int p = 0, n = 0, star = -1, mark = 0;
        while (n < name.Length)
        {
            if (p < pattern.Length && pattern[p] == '*')
            {
                star = p++;
                mark = n;
            }
            else if (p < pattern.Length && (pattern[p] == '?' || pattern[p] == name[n]))
            {
                p++;
                n++;
            }
            else if (star >= 0)
            {
                p = star + 1;
                n = ++mark;
            }
            else
            {
                return false;
            }
        }

        return pattern[p..].IndexOfAnyExcept((byte)'*') < 0;
    }

    private async Task SendAsync(FilePath path, CancellationToken ct)
    {
        var node = await files.StatAsync(call.Who, path, followLink: true, ct);
        var name = path.IsRoot ? FileName.From(call.Who.UserName) : path.Name;
        if (name.Bytes.Contains((byte)'\n'))
        {
            throw FluxException.Invalid("A name with a line break can't be sent by this protocol; use sftp.");
        }

        if (node.Kind != NodeKind.Folder)
        {
            await SendFileAsync(path, name, ct);
        }
        else if (_recursive)
        {
            await SendFolderAsync(path, name, node, ct);
        }
        else
        {
            throw new FluxException(FluxError.IsFolder, "That is a folder; copy it with -r.");
        }
    }

    private async Task SendFileAsync(FilePath path, FileName name, CancellationToken ct)
    {
        using var transfer = call.Begin("read");
        try
        {
            await SendFileAsync(path, name, transfer, ct);
        }
        catch (FluxException error)
        {
            transfer?.End($"refused: {error.Error}");
            throw;
        }
        catch (Exception gone) when (gone is OperationCanceledException or EndOfStreamException)
        {
            transfer?.End(call.Closed);
            throw;
        }
    }

    private async Task SendFileAsync(FilePath path, FileName name, ITransfer? transfer, CancellationToken ct)
    {
        await using var file = await files.OpenAsync(call.Who, path, new OpenRequest { Access = OpenAccess.Read, Frontend = "sftp" }, ct);
        var node = await file.StatAsync(ct);
        if (!await OfferAsync('C', node, node.Size, name, ct))
        {
            transfer?.End("client refused");
            return;
        }

        await SendDataAsync(file, node.Size, transfer, ct);
        await wire.AcceptAsync(ct);
        var complaint = await wire.ReadAnswerAsync(ct);
        transfer?.End(complaint is null ? "done" : "client complained");
        _status = complaint is null ? _status : 1;
    }

    private async Task SendDataAsync(IOpenFile file, long size, ITransfer? transfer, CancellationToken ct)
    {
        for (var at = 0L; at < size;)
        {
            var memory = wire.Output.GetMemory((int)Math.Min(DataBytes, size - at));
            var want = (int)Math.Min(memory.Length, size - at);
            var got = await file.ReadAsync(at, memory[..want], ct);
            if (got == 0)
            {
                // The promised size has to be kept, or the client takes the next line for data.
                throw new EndOfStreamException();
            }

            wire.Output.Advance(got);
            transfer?.Accepted(got);
            at += got;
            await wire.Output.FlushAsync(ct);
        }
    }

    private async Task SendFolderAsync(FilePath path, FileName name, NodeInfo node, CancellationToken ct)
    {
        if (!await OfferAsync('D', node, 0, name, ct))
        {
            return;
        }

        string? cursor = null;
        do
        {
            var page = await files.ListAsync(call.Who, path, new ListRequest { Cursor = cursor }, ct);
            foreach (var entry in page.Entries)
            {
                await TrySendAsync(path.Append(entry.Name), ct);
            }

            cursor = page.Next;
        }
        while (cursor is not null);
        await wire.SendAsync("E\n"u8.ToArray(), ct);
        await wire.ReadAnswerAsync(ct);
    }

    private async Task TrySendAsync(FilePath path, CancellationToken ct)
    {
        try
        {
            await SendAsync(path, ct);
        }
        catch (FluxException error)
        {
            await FailAsync($"{path}: {error.Message}", ct);
        }
    }

    private async Task<bool> OfferAsync(char kind, NodeInfo node, long size, FileName name, CancellationToken ct)
    {
        if (_keepTimes)
        {
            var now = FileTime.Now(clock);
            var accessed = node.AccessedAt.Seconds > 0 ? node.AccessedAt : now;
            await wire.SendAsync(Encoding.ASCII.GetBytes(string.Create(CultureInfo.InvariantCulture, $"T{Math.Max(0, node.ModifiedAt.Seconds)} 0 {accessed.Seconds} 0\n")), ct);
            if (await wire.ReadAnswerAsync(ct) is not null)
            {
                _status = 1;
                return false;
            }
        }

        var head = string.Create(CultureInfo.InvariantCulture, $"{kind}{Convert.ToString(node.Mode & 0xFFF, 8).PadLeft(4, '0')} {size} ");
        await wire.SendAsync((byte[])[.. Encoding.ASCII.GetBytes(head), .. name.Bytes, (byte)'\n'], ct);
        if (await wire.ReadAnswerAsync(ct) is null)
        {
            return true;
        }

        _status = 1;
        return false;
    }

    private async Task FailAsync(string text, CancellationToken ct)
    {
        _status = 1;
        await wire.ComplainAsync(text, ct);
    }
}
