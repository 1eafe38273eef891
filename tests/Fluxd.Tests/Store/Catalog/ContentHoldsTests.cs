using Fluxd.Store.Catalog.References;
using Xunit;

namespace Fluxd.Tests.Store.Catalog;

/// <summary>Who holds what between two transactions, and when a condemned content may go.</summary>
public sealed class ContentHoldsTests
{
    private readonly ContentHolds _holds = new();

    [Fact]
    public void A_condemned_content_that_nobody_holds_may_go()
    {
        Condemn(7);

        Assert.True(_holds.IsRipe(7));
        Assert.False(_holds.IsRipe(8));
    }

    [Fact]
    public void A_sentence_that_is_not_committed_does_not_count()
    {
        Assert.True(_holds.TryCondemn(7));

        Assert.False(_holds.IsRipe(7));
    }

    [Fact]
    public void A_held_content_is_not_condemned()
    {
        using var ticket = _holds.Take();
        ticket.Keep(7);

        Assert.False(_holds.TryCondemn(7));
    }

    [Fact]
    public void A_look_that_began_before_the_sentence_keeps_it_from_being_carried_out()
    {
        var ticket = _holds.TakeWide();
        Condemn(7);

        Assert.False(_holds.IsRipe(7));
        ticket.Dispose();
        Assert.True(_holds.IsRipe(7));
    }

    [Fact]
    public void A_look_that_began_after_it_does_not()
    {
        Condemn(7);
        using var ticket = _holds.TakeWide();

        Assert.True(_holds.IsRipe(7));
    }

    [Fact]
    public void Taking_hold_of_it_pardons_it_for_good()
    {
        var look = _holds.TakeWide();
        Condemn(7);
        look.Keep(7);
        look.Dispose();

        Assert.False(_holds.IsRipe(7));
        Assert.True(_holds.TryCondemn(7));
    }

    [Fact]
    public void A_reference_pardons_it_even_before_its_sentence_is_committed()
    {
        Assert.True(_holds.TryCondemn(7));
        _holds.Pardon(7);
        _holds.Seal([7]);

        Assert.False(_holds.IsRipe(7));
    }

    [Fact]
    public void Two_holders_hold_it_until_both_are_gone()
    {
        var (one, other) = (_holds.Take(), _holds.Take());
        one.Keep(7);
        one.Keep(7);
        other.Keep(7);
        other.Keep(9);

        one.Dispose();
        Assert.False(_holds.TryCondemn(7));
        other.KeepOnly(9);
        Assert.True(_holds.TryCondemn(7));
        Assert.False(_holds.TryCondemn(9));
        other.Dispose();
        Assert.Equal((0, 0), _holds.Count);
    }

    [Fact]
    public void A_ticket_that_was_given_back_holds_nothing_more()
    {
        var ticket = _holds.TakeWide();
        ticket.Dispose();
        ticket.Keep(7);
        ticket.Dispose();

        Assert.Equal((0, 0), _holds.Count);
    }

    [Fact(Timeout = 60_000)]
    public async Task Waiting_for_tickets_ends_with_the_last_of_the_old_ones()
    {
        var (first, second) = (_holds.TakeWide(), _holds.TakeWide());
        var upto = _holds.Newest;
        using var later = _holds.TakeWide();
        var returned = _holds.WhenReturned(upto);

        second.Narrow();
        Assert.False(returned.IsCompleted);
        first.Narrow();
        await returned;
        Assert.True(_holds.WhenReturned(upto).IsCompleted);
    }

    [Fact(Timeout = 60_000)]
    public async Task What_was_not_opened_holds_nothing()
    {
        Assert.Null(await _holds.OpenAsync<string>(ticket =>
        {
            ticket.Keep(7);
            return Task.FromResult<string?>(null);
        }));
        await Assert.ThrowsAsync<InvalidOperationException>(() => _holds.OpenAsync<string>(_ => throw new InvalidOperationException()));

        Assert.Equal((0, 0), _holds.Count);
    }

    private void Condemn(long content)
    {
        Assert.True(_holds.TryCondemn(content));
        _holds.Seal([content]);
    }
}
