using System.Net;
using Fluxd.Transports.Quic.Engine;
using Xunit;

namespace Fluxd.Tests.Transports.Quic;

public sealed class EngineTablesTests
{
    private sealed class Item : Timed;

    [Fact]
    public void The_timer_heap_gives_items_in_order_of_their_last_set_time()
    {
        var seed = Random.Shared.Next();
        var random = new Random(seed);
        var heap = new TimerHeap();
        var items = Enumerable.Range(0, 200).Select(_ => new Item()).ToArray();
        for (var i = 0; i < 5000; i++)
        {
            var item = items[random.Next(items.Length)];
            if (random.Next(4) == 0)
            {
                heap.Remove(item);
            }
            else
            {
                heap.Set(item, (ulong)random.Next(1000));
            }
        }

        var expected = items.Where(item => item.HeapIndex >= 0).Select(item => item.DueAt).Order().ToList();
        var actual = new List<ulong>();
        while (heap.TryPeekDue(ulong.MaxValue, out var due))
        {
            actual.Add(due.DueAt);
            heap.Remove(due);
        }

        Assert.True(expected.SequenceEqual(actual), $"seed {seed}");
    }

    [Theory]
    [InlineData("192.0.2.7", 8443)]
    [InlineData("2001:db8::1:2", 1)]
    [InlineData("::ffff:192.0.2.7", 65535)]
    public void Socket_addresses_survive_the_way_to_the_kernels_form_and_back(string address, int port)
    {
        var endPoint = new IPEndPoint(IPAddress.Parse(address), port);
        var native = SockAddress.From(endPoint);
        Assert.Equal(endPoint, native.ToEndPoint());
        Assert.Equal(endPoint.Address.IsIPv4MappedToIPv6, native.IsIpv4Mapped);
        Assert.True(native.AddressPart.SequenceEqual(endPoint.Address.GetAddressBytes()));
    }

    [Fact]
    public void Connection_ids_of_different_length_are_different_keys()
    {
        Assert.NotEqual(CidKey.From([1, 2, 3]), CidKey.From([1, 2, 3, 0]));
        Assert.Equal(CidKey.From([1, 2, 3]), CidKey.From([1, 2, 3]));
    }

    [Fact]
    public void Newcomers_must_prove_their_address_once_many_handshakes_are_unfinished()
    {
        var admission = new Admission(new AdmissionLimits { HandshakesBeforeRetry = 2, HandshakesMax = 4, HandshakesPerAddressMax = 2 });
        var tickets = new List<Admission.Ticket>
        {
            admission.Begin(Peer("192.0.2.1"), isAddressProven: false), admission.Begin(Peer("192.0.2.1"), isAddressProven: false),
        };
        Assert.Equal(Admitted.AfterRetry, admission.Judge(Peer("192.0.2.2"), isAddressProven: false));
        Assert.Equal(Admitted.Yes, admission.Judge(Peer("192.0.2.2"), isAddressProven: true));
        Assert.Equal(Admitted.Yes, admission.Judge(Peer("192.0.2.1"), isAddressProven: true)); // what others forged is not held against it

        tickets.Add(admission.Begin(Peer("192.0.2.1"), isAddressProven: true));
        tickets.Add(admission.Begin(Peer("192.0.2.1"), isAddressProven: true));
        Assert.Equal(Admitted.TooManyHandshakes, admission.Judge(Peer("192.0.2.1"), isAddressProven: true));
        Assert.Equal(Admitted.TooManyHandshakes, admission.Judge(Peer("192.0.2.2"), isAddressProven: true)); // too many in all

        foreach (var ticket in tickets)
        {
            admission.End(ticket.IsProven ? admission.HandshakeDone(ticket) : ticket);
        }

        Assert.Equal((0, 0, 0), (admission.Handshakes, admission.Connections, admission.AddressCount));
        Assert.Equal(Admitted.Yes, admission.Judge(Peer("192.0.2.1"), isAddressProven: false));
    }

    [Fact]
    public void An_IPv6_peer_counts_as_its_network_and_a_mapped_one_as_its_IPv4_address()
    {
        Assert.Equal(Admission.Key(Peer("2001:db8::1")), Admission.Key(Peer("2001:db8::ffff:1")));
        Assert.NotEqual(Admission.Key(Peer("2001:db8::1")), Admission.Key(Peer("2001:db8:0:1::1")));
        Assert.Equal(Admission.Key(Peer("192.0.2.1")), Admission.Key(Peer("::ffff:192.0.2.1")));
    }

    [Fact]
    public void Packets_to_unproven_addresses_are_counted_out_per_second()
    {
        const ulong Second = 1_000_000_000;
        var budget = new StatelessBudget(10);
        Assert.Equal(10, Enumerable.Range(0, 50).Count(_ => budget.TryTake(Second)));
        Assert.Equal(5, Enumerable.Range(0, 50).Count(_ => budget.TryTake(Second + (Second / 2))));
    }

    [Fact]
    public void The_goaway_of_graceful_shutdown_names_a_valid_stream()
    {
        byte[] frame = [0x07, 0x08, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff];
        GoAwayMend.Apply(frame);
        Assert.Equal((byte[])[0x07, 0x08, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xfc], frame);

        byte[] other = [0x07, 0x08, 0, 0, 0, 0, 0, 0, 0, 4];
        GoAwayMend.Apply(other);
        Assert.Equal(4, other[9]);
    }

    private static SockAddress Peer(string address) => SockAddress.From(new IPEndPoint(IPAddress.Parse(address), 4433));
}
