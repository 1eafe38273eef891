using Fluxd.Core;
using Fluxd.Core.Accounts;
using Fluxd.Core.Files;

namespace Fluxd.Testing;

public sealed partial class MemoryFiles
{
    public Task<IOpenFile> OpenAsync(Principal who, FilePath path, OpenRequest request, CancellationToken ct)
    {
        var writes = request.Access.HasFlag(OpenAccess.Write);
        who.Require(writes ? Scopes.Write : Scopes.Read);
        lock (_gate)
        {
            return Task.FromResult<IOpenFile>(Open(who, path, request, writes));
        }
    }

    private Handle Open(Principal who, FilePath path, OpenRequest request, bool writes)
    {
        var node = FindOrCreate(who, path, request, writes);
        if (node.Kind == NodeKind.Folder)
        {
            throw new FluxException(FluxError.IsFolder, "That is a folder.");
        }

        if (writes)
        {
            if (node.PendingIsPartial && !request.ContinuePartial)
            {
                node.Pending = null;
            }

            node.PendingIsPartial = false;
            if (request.Truncate && !request.ContinuePartial)
            {
                node.Pending = [];
            }
        }

        node.Handles++;
        node.Writers += writes ? 1 : 0;
        return new Handle(this, who, node, request);
    }

    private MemoryNode FindOrCreate(Principal who, FilePath path, OpenRequest request, bool writes, int hops = 0)
    {
        if (!writes || !request.Create || path.IsRoot)
        {
            return Walk(who, path, followLink: true, partials: writes || request.ContinuePartial);
        }

        var parent = Folder(Walk(who, path.Parent, true, false));
        if (parent.Children.TryGetValue(path.Name, out var there) && there.Kind == NodeKind.Symlink && !request.Exclusive)
        {
            // A link to nothing yet: the file is made where it points to.
            return hops < Limits.SymlinkHopsMax
                ? FindOrCreate(who, FilePath.Parse(there.Content, PathOf(parent)), request, writes, hops + 1)
                : throw new FluxException(FluxError.LinkLoop, "The symbolic links lead in a circle or are too many.");
        }

        if (there is not null && (there.Committed || there.Handles > 0 || there.Pending is not null))
        {
            return request.Exclusive ? throw Taken(path) : Walk(who, path, followLink: true, partials: true);
        }

        var node = Add(parent, path.Name, NodeKind.File, request.Attributes?.Mode ?? 0x1A4);
        node.Committed = false;
        node.Pending = [];
        return node;
    }

    private sealed class Handle(MemoryFiles files, Principal who, MemoryNode node, OpenRequest request) : IOpenFile
    {
        private bool _closed;

        public OpenAccess Access => request.Access;

        private bool Writes => (request.Access & OpenAccess.Write) != 0;

        // What a dropped connection left is seen only by who asks for it; what is being written, by all handles.
        private bool Sees => !node.PendingIsPartial || request.ContinuePartial;

        public ValueTask<NodeInfo> StatAsync(CancellationToken ct)
        {
            lock (files._gate)
            {
                Live();
                return new ValueTask<NodeInfo>(node.Info(who, withPending: Sees));
            }
        }

        public ValueTask<int> ReadAsync(long offset, Memory<byte> buffer, CancellationToken ct)
        {
            lock (files._gate)
            {
                Live();
                Need(OpenAccess.Read, "reading");
                var bytes = Sees ? node.Pending ?? node.Content : node.Content;
                if (offset >= bytes.Length)
                {
                    return new ValueTask<int>(0);
                }

                var count = (int)Math.Min(buffer.Length, bytes.Length - offset);
                bytes.AsSpan((int)offset, count).CopyTo(buffer.Span);
                return new ValueTask<int>(count);
            }
        }

        public ValueTask<ContentDigest?> FindDigestAsync(DigestAlgorithm algorithm, CancellationToken ct)
        {
            lock (files._gate)
            {
                return new(node.Pending is null ? files._digests.GetValueOrDefault((node.Id, node.Version, algorithm)) : null);
            }
        }

        public ValueTask WriteAsync(long offset, ReadOnlyMemory<byte> data, CancellationToken ct)
        {
            lock (files._gate)
            {
                Live();
                Need(OpenAccess.Write, "writing");
                var bytes = node.Pending ?? [.. node.Content];
                var at = request.Append ? bytes.Length : offset;
                if (!data.IsEmpty && at + data.Length > bytes.Length)
                {
                    files.CheckQuota(who, at + data.Length - node.Content.Length);
                    Array.Resize(ref bytes, (int)(at + data.Length));
                }

                // A write of nothing, wherever, changes no length.
                data.Span.CopyTo(data.IsEmpty ? default : bytes.AsSpan((int)at));
                node.Pending = bytes;
                return ValueTask.CompletedTask;
            }
        }

        public ValueTask TruncateAsync(long size, CancellationToken ct)
        {
            lock (files._gate)
            {
                Live();
                Truncate(size);
                return ValueTask.CompletedTask;
            }
        }

        public ValueTask SetAttributesAsync(AttributeChange change, CancellationToken ct)
        {
            lock (files._gate)
            {
                Live();
                if (change.Size is { } size)
                {
                    Truncate(size);
                }

                node.Pin(change);
                node.Apply(change, files.Now);
            }

            return ValueTask.CompletedTask;
        }

        public Task FsyncAsync(CancellationToken ct)
        {
            lock (files._gate)
            {
                Live();
                Commit();
                return Task.CompletedTask;
            }
        }

        public Task<NodeInfo> CloseAsync(CancellationToken ct)
        {
            lock (files._gate)
            {
                Live();
                Commit();
                _closed = true;
                Leave();
                return Task.FromResult(node.Info(who, withPending: Sees));
            }
        }

        public ValueTask DisposeAsync()
        {
            lock (files._gate)
            {
                if (!_closed)
                {
                    _closed = true;
                    Leave();
                }
            }

            return ValueTask.CompletedTask;
        }

        private void Truncate(long size)
        {
            Need(OpenAccess.Write, "writing");
            files.CheckQuota(who, size - node.Content.Length);
            var bytes = node.Pending ?? [.. node.Content];
            Array.Resize(ref bytes, (int)size);
            node.Pending = bytes;
        }

        private void Leave()
        {
            node.Handles--;
            if (Writes && --node.Writers == 0 && node is { Pending: not null, PendingIsPartial: false })
            {
                Drop();
            }
        }

        /// <summary>As after a lost connection: nothing is published; what was written stays for the owner to go on with.</summary>
        private void Drop()
        {
            node.Pinned = new AttributeChange();
            node.PendingIsPartial = node.Pending is { Length: > 0 };
            if (!node.PendingIsPartial)
            {
                node.Pending = null;
                if (!node.Committed)
                {
                    Detach(node);
                }
            }
        }

        private void Commit()
        {
            if (Writes && node.Pending is { } bytes)
            {
                files.CheckQuota(who, bytes.Length - node.Content.Length);
                files.Publish(node, bytes);
            }
        }

        private void Live()
        {
            if (_closed)
            {
                throw FluxException.Invalid("The handle is closed.");
            }
        }

        // Not HasFlag: it boxes as long as code is not optimised, and tests count what a packet allocates.
        private void Need(OpenAccess access, string what)
        {
            if ((request.Access & access) == 0)
            {
                throw FluxException.Denied($"The file was not opened for {what}.");
            }
        }
    }
}
