using System.Reflection;
using Fluxd.Core.Uploads;

namespace Fluxd.Testing;

/// <summary>Uploads that take every byte at offset 0 and keep none, so that a test sees what the way to them costs.</summary>
public class DroppedUploads : DispatchProxy
{
    private IUploads _inner = null!;

    public static IUploads Make(IUploads inner)
    {
        var proxy = Create<IUploads, DroppedUploads>();
        ((DroppedUploads)(object)proxy)._inner = inner;
        return proxy;
    }

    protected override object? Invoke(MethodInfo? targetMethod, object?[]? args) => targetMethod!.Name == nameof(IUploads.OpenAsync)
        ? Task.FromResult<IUploadWriter>(new Writer((UploadId)args![1]!))
        : targetMethod.Invoke(_inner, args);

    private sealed class Writer(UploadId id) : IUploadWriter
    {
        public UploadId Id => id;

        public long Offset { get; private set; }

        public ValueTask WriteAsync(ReadOnlyMemory<byte> data, CancellationToken ct)
        {
            Offset += data.Length;
            return ValueTask.CompletedTask;
        }

        public ValueTask WriteAtAsync(long offset, ReadOnlyMemory<byte> data, CancellationToken ct) => throw new NotSupportedException();

        public Task<long> FlushAsync(CancellationToken ct) => Task.FromResult(Offset);

        public ValueTask DisposeAsync() => ValueTask.CompletedTask;
    }
}
