using Fluxd.Core;
using Fluxd.Core.Chunking;
using Fluxd.Core.Feed;
using Fluxd.Core.Files;
using Fluxd.Core.Uploads;

namespace Fluxd.Transports.Quic.Protocol;

/// <summary>How the core's records look in frames; writer and reader side by side, as the specification has them.</summary>
internal static class FluxdRecords
{
    private const byte CanWriteFlag = 1, SharedFolderFlag = 2, PartialFlag = 4;

    public static FrameWriter Node(this FrameWriter frame, NodeInfo node) => frame
        .U8((byte)node.Kind).I64(node.Id).Bytes(node.Name.Bytes).I64(node.Size).I64(node.Version).I64(node.Revision)
        .Bytes(node.ContentTag.Span).U32(node.Mode).I64(node.ModifiedAt.Nanoseconds).I64(node.ChangedAt.Nanoseconds).Text(node.OwnerName)
        .U8((byte)((node.CanWrite ? CanWriteFlag : 0) | (node.IsSharedFolder ? SharedFolderFlag : 0) | (node.IsPartial ? PartialFlag : 0)));

    public static NodeInfo Node(ref FrameReader frame)
    {
        var kind = (NodeKind)frame.U8();
        var id = frame.I64();
        var name = frame.Bytes();
        var node = new NodeInfo
        {
            Kind = kind,
            Id = id,
            Name = name.IsEmpty ? default : FileName.From(name), // the root has none
            Size = frame.I64(),
            Version = frame.I64(),
            Revision = frame.I64(),
            ContentTag = frame.Bytes().ToArray(),
            Mode = frame.U32(),
            ModifiedAt = new FileTime(frame.I64()),
            ChangedAt = new FileTime(frame.I64()),
            OwnerName = frame.Text(),
        };
        var flags = frame.U8();
        return node with
        {
            CanWrite = (flags & CanWriteFlag) != 0,
            IsSharedFolder = (flags & SharedFolderFlag) != 0,
            IsPartial = (flags & PartialFlag) != 0,
        };
    }

    public static FrameWriter Recipe(this FrameWriter frame, IReadOnlyList<ChunkRef> recipe)
    {
        frame.U32(recipe.Count);
        foreach (var chunk in recipe)
        {
            frame.Raw(chunk.Hash.ToArray()).U32(chunk.Length);
        }

        return frame;
    }

    public static ChunkRef[] Recipe(ref FrameReader frame)
    {
        var recipe = new ChunkRef[frame.Count(ChunkHash.Size + sizeof(int), Limits.ChunksPerCallMax)];
        for (var i = 0; i < recipe.Length; i++)
        {
            recipe[i] = new ChunkRef(new ChunkHash(frame.Raw(ChunkHash.Size)), frame.U32());
        }

        return recipe;
    }

    public static FrameWriter Upload(this FrameWriter frame, UploadInfo upload)
    {
        frame.Raw(upload.Id.ToBytes()).U8((byte)upload.State).Bytes(upload.Target.ToBytes()).I64(upload.Size ?? -1).I64(upload.DurableOffset)
            .U32(upload.Parts.Count);
        foreach (var part in upload.Parts)
        {
            frame.I64(part.Start).I64(part.End);
        }

        frame.I64(upload.ExpiresAt.Nanoseconds).Flag(upload.Result is not null);
        return upload.Result is { } result ? frame.Node(result) : frame;
    }

    public static UploadInfo Upload(ref FrameReader frame)
    {
        var id = frame.Upload();
        var state = (UploadState)frame.U8();
        var target = frame.Path();
        var size = frame.I64();
        var durable = frame.I64();
        var parts = new ByteRange[frame.Count(2 * sizeof(long), FluxdProtocol.FrameBytesMax)];
        for (var i = 0; i < parts.Length; i++)
        {
            parts[i] = new ByteRange(frame.I64(), frame.I64());
        }

        var expires = new FileTime(frame.I64());
        return new UploadInfo
        {
            Id = id,
            State = state,
            Target = target,
            Size = size < 0 ? null : size,
            DurableOffset = durable,
            Parts = parts,
            ExpiresAt = expires,
            Result = frame.Flag() ? Node(ref frame) : null,
        };
    }

    public static FrameWriter Change(this FrameWriter frame, Change change) => frame
        .I64(change.Sequence).U8((byte)change.Kind).Bytes(change.Path.ToBytes()).Bytes(change.From is { } from ? from.ToBytes() : [])
        .I64(change.NodeId).U8((byte)change.NodeKind).I64(change.Version).I64(change.Size).Bytes(change.ContentTag.Span)
        .I64(change.ModifiedAt.Nanoseconds).I64(change.At.Nanoseconds).Text(change.Author);

    public static Change Change(ref FrameReader frame)
    {
        var sequence = frame.I64();
        var kind = (ChangeKind)frame.U8();
        var path = frame.Path();
        var from = frame.Bytes();
        return new Change
        {
            Sequence = sequence,
            Kind = kind,
            Path = path,
            From = from.IsEmpty ? null : FilePath.Parse(from),
            NodeId = frame.I64(),
            NodeKind = (NodeKind)frame.U8(),
            Version = frame.I64(),
            Size = frame.I64(),
            ContentTag = frame.Bytes().ToArray(),
            ModifiedAt = new FileTime(frame.I64()),
            At = new FileTime(frame.I64()),
            Author = frame.Text(),
        };
    }

    public static FrameWriter Request(this FrameWriter frame, UploadRequest request) => frame
        .Bytes(request.Target.ToBytes()).I64(request.Size ?? -1).Flag(request.MakeParents).Flag(request.Precondition.NotExists)
        .I64(request.Precondition.Version ?? -1).I64(request.Attributes?.ModifiedAt?.Nanoseconds ?? long.MinValue).U32(request.Attributes?.Mode ?? int.MaxValue)
        .Bytes(request.ExpectedDigest is { Algorithm: DigestAlgorithm.Sha256 } digest ? digest.Value.Span : []);

    public static UploadRequest Request(ref FrameReader frame)
    {
        var target = frame.Path();
        var size = frame.I64();
        var makeParents = frame.Flag();
        var mustNotExist = frame.Flag();
        var version = frame.I64();
        var modified = frame.I64();
        var mode = frame.U32();
        var sha256 = frame.Bytes();
        if (!sha256.IsEmpty && sha256.Length != 32)
        {
            throw FluxException.Invalid("The expected digest is a SHA-256 of 32 bytes, or empty.");
        }

        return new UploadRequest
        {
            Target = target,
            Size = size < 0 ? null : size,
            MakeParents = makeParents,
            Precondition = new Precondition { NotExists = mustNotExist, Version = version < 0 ? null : version },
            Attributes = new AttributeChange { ModifiedAt = modified == long.MinValue ? null : new FileTime(modified), Mode = mode == int.MaxValue ? null : mode },
            ExpectedDigest = sha256.IsEmpty ? null : new ContentDigest(DigestAlgorithm.Sha256, sha256.ToArray()),
            WantSha256 = true,
            Frontend = QuicFrontend.FrontendName,
        };
    }
}
