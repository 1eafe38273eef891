using System.Buffers;
using System.Buffers.Binary;
using System.IO.Pipelines;
using System.Security.Cryptography;
using Fluxd.Transports.Ssh.Ciphers;

namespace Fluxd.Transports.Ssh.Wire;

/// <summary>
/// The sending half of a connection. Any thread appends packets: they are encrypted in place in one buffer, in order,
/// under one lock; one pump writes the buffer to the socket. Control messages never wait for the peer (so that reading
/// goes on while the peer doesn't read); channel data waits at the soft limit, reading stops at the hard one.
/// While keys are exchanged, everything but transport messages is held back (RFC 4253, 7.1).
/// </summary>
internal sealed class OutboundPackets(PipeWriter output) : IDisposable
{
    private const int FirstBufferBytes = 4 * 1024;

    private readonly Lock _lock = new();
    private readonly AsyncSignal _wake = new();
    private readonly Queue<AsyncSignal> _waiting = new();
    private readonly Queue<byte[]> _held = new();
    private readonly byte[] _random = new byte[256];
    private PacketCipher _cipher = new PlainCipher();
    private byte[]? _buffer;
    private int _randomUsed = 256;
    private int _used;
    private int _inFlight;
    private int _heldBytes;
    private uint _sequence;
    private bool _holding;
    private bool _closed;

    /// <summary>Since the last keys.</summary>
    public long BytesUnderKey { get; private set; }

    public uint PacketsUnderKey { get; private set; }

    public bool IsOverHardLimit
    {
        get
        {
            lock (_lock)
            {
                return !_closed && _used + _inFlight > SshLimits.OutboundBytesHard;
            }
        }
    }

    /// <summary>The version line: no packet.</summary>
    public void SendRaw(ReadOnlySpan<byte> bytes)
    {
        lock (_lock)
        {
            bytes.CopyTo(Reserve(bytes.Length));
        }

        _wake.Set();
    }

    public void Send(ReadOnlySpan<byte> payload)
    {
        lock (_lock)
        {
            if (_closed)
            {
                return;
            }

            if (_holding && !MessageId.IsTransport(payload[0]))
            {
                Hold(payload);
                return;
            }

            Append(payload, []);
        }

        _wake.Set();
    }

    public void Send(SshWriter message) => Send(message.Written);

    /// <summary>Sends KEXINIT and holds everything else until <see cref="SwitchKeys"/>.</summary>
    public void BeginKeyExchange(ReadOnlySpan<byte> kexInit)
    {
        lock (_lock)
        {
            Append(kexInit, []);
            _holding = true;
        }

        _wake.Set();
    }

    /// <summary>Sends the reply and NEWKEYS under the old keys, then takes the new ones, sends what follows at once and what was held.</summary>
    public void SwitchKeys(ReadOnlySpan<byte> reply, PacketCipher cipher, bool resetSequence, ReadOnlySpan<byte> first)
    {
        lock (_lock)
        {
            if (!reply.IsEmpty)
            {
                Append(reply, []);
            }

            Append([MessageId.NewKeys], []);
            _cipher.Dispose();
            _cipher = cipher;
            _sequence = resetSequence ? 0 : _sequence;
            BytesUnderKey = 0;
            PacketsUnderKey = 0;
            _holding = false;
            if (!first.IsEmpty)
            {
                Append(first, []);
            }

            while (_held.TryDequeue(out var payload))
            {
                Append(payload, []);
            }

            _heldBytes = 0;
            WakeWaiting();
        }

        _wake.Set();
    }

    /// <summary>
    /// Appends CHANNEL_DATA (or the message of <paramref name="head"/>), or returns false and sets
    /// <paramref name="retry"/> when there may be room.
    /// </summary>
    public bool TrySendData(ReadOnlySpan<byte> head, ReadOnlySpan<byte> data, AsyncSignal retry)
    {
        lock (_lock)
        {
            if (_closed)
            {
                return true;
            }

            if (_holding || _used + _inFlight > SshLimits.OutboundBytesSoft)
            {
                _waiting.Enqueue(retry);
                return false;
            }

            Append(head, data);
        }

        _wake.Set();
        return true;
    }

    /// <summary>For the reader: returns when less than the soft limit waits.</summary>
    public async ValueTask WaitForRoomAsync(AsyncSignal signal)
    {
        while (true)
        {
            lock (_lock)
            {
                if (_closed || _used + _inFlight <= SshLimits.OutboundBytesSoft)
                {
                    return;
                }

                _waiting.Enqueue(signal);
            }

            await signal.WaitAsync();
        }
    }

    /// <summary>Runs until <see cref="Close"/> (what was appended before is still written) or <paramref name="ct"/>.</summary>
    public async Task PumpAsync(CancellationToken ct)
    {
        try
        {
            while (await WriteAppendedAsync(ct))
            {
                await _wake.WaitAsync();
            }
        }
        finally
        {
            Close();
        }
    }

    public void Close()
    {
        lock (_lock)
        {
            _closed = true;
            WakeWaiting();
        }

        _wake.Set();
    }

    /// <summary>After the pump has ended.</summary>
    public void Dispose()
    {
        lock (_lock)
        {
            _closed = true;
            _cipher.Dispose();
            _cipher = new PlainCipher();
            if (_buffer is { } buffer)
            {
                ArrayPool<byte>.Shared.Return(buffer);
                _buffer = null;
            }
        }
    }

    /// <summary>False when closed and everything is written.</summary>
    private async ValueTask<bool> WriteAppendedAsync(CancellationToken ct)
    {
        while (true)
        {
            byte[] buffer;
            int count;
            lock (_lock)
            {
                if (_buffer is null)
                {
                    return !_closed;
                }

                (buffer, count) = (_buffer, _used);
                (_buffer, _used, _inFlight) = (null, 0, count);
            }

            // To a socket this is one send of our own memory, without a copy.
            var flushed = await output.WriteAsync(buffer.AsMemory(0, count), ct);
            ArrayPool<byte>.Shared.Return(buffer);
            lock (_lock)
            {
                _inFlight = 0;
                if (flushed.IsCompleted || flushed.IsCanceled)
                {
                    return false;
                }

                WakeWaiting();
            }
        }
    }

    private void WakeWaiting()
    {
        while (_waiting.TryDequeue(out var signal))
        {
            signal.Set();
        }
    }

    private void Hold(ReadOnlySpan<byte> payload)
    {
        _heldBytes += payload.Length;
        if (_heldBytes > SshLimits.RekeyQueueBytesMax)
        {
            throw new SshProtocolException(DisconnectReason.ProtocolError, "Too many requests during a key exchange.");
        }

        _held.Enqueue(payload.ToArray());
    }

    /// <summary>RFC 4253 (6): length, padding length, payload, at least four bytes of padding.</summary>
    private void Append(ReadOnlySpan<byte> head, ReadOnlySpan<byte> data)
    {
        var payload = head.Length + data.Length;
        var unit = _cipher.BlockBytes;
        var aligned = payload + (_cipher.LengthIsApart ? 1 : 5);
        var padding = unit - (aligned % unit);
        padding += padding < 4 ? unit : 0;
        var length = 1 + payload + padding;
        var all = Reserve(4 + length + _cipher.TagBytes);
        BinaryPrimitives.WriteInt32BigEndian(all, length);
        all[4] = (byte)padding;
        head.CopyTo(all[5..]);
        data.CopyTo(all[(5 + head.Length)..]);
        Random(padding).CopyTo(all.Slice(5 + payload, padding));
        _cipher.Seal(_sequence, all[..(4 + length)], all[(4 + length)..]);
        _sequence++;
        PacketsUnderKey++;
        BytesUnderKey += all.Length;
    }

    private Span<byte> Reserve(int count)
    {
        if (_buffer is null || _buffer.Length - _used < count)
        {
            var larger = ArrayPool<byte>.Shared.Rent(Math.Max(Math.Max(FirstBufferBytes, _used * 2), _used + count));
            if (_buffer is { } old)
            {
                old.AsSpan(0, _used).CopyTo(larger);
                ArrayPool<byte>.Shared.Return(old);
            }

            _buffer = larger;
        }

        var reserved = _buffer.AsSpan(_used, count);
        _used += count;
        return reserved;
    }

    /// <summary>From a small stock: a call of the generator for each packet would cost more than its encryption.</summary>
    private ReadOnlySpan<byte> Random(int count)
    {
        if (_random.Length - _randomUsed < count)
        {
            RandomNumberGenerator.Fill(_random);
            _randomUsed = 0;
        }

        _randomUsed += count;
        return _random.AsSpan(_randomUsed - count, count);
    }
}
