using System.Buffers;
using System.Buffers.Binary;
using Fluxd.Core;
using Fluxd.Core.Files;
using Fluxd.Core.Transfers;

namespace Fluxd.Transports.Sftp;

/// <summary>An open file or folder of one channel. <see cref="Tail"/> orders what waits for the disk on it.</summary>
internal abstract class SftpHandle
{
    public required FilePath Path { get; init; }

    /// <summary>The newest operation on this handle; a later one begins after it.</summary>
    public Task Tail { get; set; } = Task.CompletedTask;
}

internal sealed class SftpFileHandle : SftpHandle
{
    public required IOpenFile File { get; init; }

    public required ITransfer? Transfer { get; init; }

    public bool Writes => File.Access.HasFlag(OpenAccess.Write);
}

internal sealed class SftpFolderHandle : SftpHandle
{
    /// <summary>Null before the first page.</summary>
    public string? Cursor { get; set; }

    public bool AtEnd { get; set; }
}

/// <summary>
/// Handles by number; used by the receive loop alone. Numbers are never used twice in a session, so a late request
/// for a closed handle can't reach another file.
/// </summary>
internal sealed class SftpHandles
{
    private readonly Dictionary<uint, SftpHandle> _handles = [];
    private uint _next;

    public int Count => _handles.Count;

    public IEnumerable<SftpHandle> All => _handles.Values;

    public void CheckRoom()
    {
        if (_handles.Count >= SftpLimits.HandlesMax)
        {
            throw new FluxException(FluxError.Busy, $"This session has {SftpLimits.HandlesMax} files open; close some first.");
        }
    }

    public uint Add(SftpHandle handle)
    {
        lock (_handles)
        {
            _handles.Add(++_next, handle);
            return _next;
        }
    }

    public SftpHandle Find(ReadOnlySequence<byte> name) =>
        TryNumber(name, out var number) && Get(number) is { } handle ? handle : throw Bad();

    public SftpHandle Remove(ReadOnlySequence<byte> name)
    {
        lock (_handles)
        {
            return TryNumber(name, out var number) && _handles.Remove(number, out var handle) ? handle : throw Bad();
        }
    }

    public SftpFileHandle FindFile(ReadOnlySequence<byte> name) => Find(name) as SftpFileHandle ?? throw Bad();

    private SftpHandle? Get(uint number)
    {
        lock (_handles)
        {
            return _handles.GetValueOrDefault(number);
        }
    }

    private static bool TryNumber(ReadOnlySequence<byte> name, out uint number)
    {
        Span<byte> bytes = stackalloc byte[4];
        number = 0;
        if (name.Length != 4)
        {
            return false;
        }

        name.CopyTo(bytes);
        number = BinaryPrimitives.ReadUInt32BigEndian(bytes);
        return true;
    }

    /// <summary>OpenSSH answers SSH_FX_FAILURE for a handle that it does not know.</summary>
    private static FluxException Bad() => new(FluxError.Conflict, "There is no such open handle.");
}
