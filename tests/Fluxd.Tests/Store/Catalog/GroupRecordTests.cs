using Fluxd.Store.Catalog.Log;
using Xunit;

namespace Fluxd.Tests.Store.Catalog;

/// <summary>A group's record comes out of the trailer as it went in, compressed or not.</summary>
public sealed class GroupRecordTests
{
    [Theory]
    [InlineData(0, false)]
    [InlineData(2047, false)]
    [InlineData(2048, true)]
    [InlineData(300_000, true)]
    public void Changes_that_need_more_than_a_page_are_compressed_and_come_back(int length, bool isCompressed)
    {
        var changes = new byte[length];
        for (var i = 0; i < length; i++)
        {
            changes[i] = (byte)(i % 50);
        }

        var bytes = new GroupRecord(5, 41, [new SegmentRef(7, 2, 1000, 3)], changes).Encode();
        Assert.Equal(isCompressed, bytes.Length < length);
        var back = GroupRecord.Decode(bytes)!;
        Assert.Equal((5, 41L), (back.Schema, back.Previous));
        Assert.Equal([new SegmentRef(7, 2, 1000, 3)], back.Segments);
        Assert.Equal(changes, back.Changes.ToArray());
    }

    [Fact]
    public void Changes_that_do_not_shrink_stand_as_they_are()
    {
        var changes = new byte[5000];
        new Random(1).NextBytes(changes);
        var bytes = new GroupRecord(5, 1, [], changes).Encode();
        Assert.Equal(changes, bytes.AsSpan(bytes.Length - changes.Length).ToArray());
        Assert.Equal(changes, GroupRecord.Decode(bytes)!.Changes.ToArray());
    }

    [Fact]
    public void A_record_that_is_damaged_or_of_a_later_version_is_none()
    {
        var bytes = new GroupRecord(5, 1, [], new byte[5000]).Encode();
        Assert.Null(GroupRecord.Decode(bytes.AsMemory(0, bytes.Length - 1)));
        Assert.Null(GroupRecord.Decode(bytes.AsMemory(0, 10)));
        var later = bytes.ToArray();
        later[0] = 3;
        Assert.Null(GroupRecord.Decode(later));
        var torn = bytes.ToArray();
        torn.AsSpan(24).Fill(0xFF);
        Assert.Null(GroupRecord.Decode(torn));
    }
}
