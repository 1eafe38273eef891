using System.Numerics;
using System.Runtime.InteropServices;
using System.Security.Cryptography;
using Fluxd.Core.Chunking;

namespace Fluxd.Store.Catalog.Index;

/// <summary>
/// Ids by hash, in memory, in the order in which they came. They stand in pages that are never copied, and that are filled
/// anew when their merge is done: a table that doubles would have three times its size in memory while it does.
/// </summary>
internal sealed class RecentChunks
{
    // Little for a group of one chunk, and 256 thousand chunks are no more than 4,096 pages.
    private const int PageEntries = 64;
    private const int SmallestTable = 64;
    private const int None = -1;

    // Secret, so that nobody can choose contents that all fall into one slot.
    private readonly ulong _factor = MemoryMarshal.Read<ulong>(RandomNumberGenerator.GetBytes(sizeof(ulong))) | 1;
    private readonly List<Entry[]> _pages = [];
    private readonly Stack<Entry[]> _spare = []; // as many as were ever in use: a batch's, or two
    private int[] _newest = NewTable(SmallestTable);

    // Entries from the first page on: which were taken for good, and how many there are.
    private int _from;
    private int _end;

    internal int Count { get; private set; }

    /// <summary>What stands in memory: also the places of those that were removed, until <see cref="RemoveOldest"/> gets to them.</summary>
    internal int Places => _end - _from;

    /// <summary>The oldest first.</summary>
    internal IEnumerable<(ChunkHash Hash, long Id)> All
    {
        get
        {
            for (var i = _from; i < _end; i++)
            {
                if (At(i) is { IsTaken: false } entry)
                {
                    yield return (entry.Hash, entry.Id);
                }
            }
        }
    }

    internal bool Has(in ChunkHash hash) => Newest(hash) != None;

    internal void Add(in ChunkHash hash, long id)
    {
        // Ids mostly come in their order: then the newest tells that this one is new.
        var newest = Newest(hash);
        if (newest != None && At(newest).Id >= id && Find(hash, id) != None)
        {
            return;
        }

        if (_end == _pages.Count * PageEntries)
        {
            _pages.Add(_spare.TryPop(out var page) ? page : new Entry[PageEntries]);
        }

        var index = _end++;
        At(index) = new Entry { Hash = hash, Id = id };
        if (_end - _from > _newest.Length)
        {
            LinkAll(_newest.Length * 2);
        }
        else
        {
            Link(index);
        }

        Count++;
    }

    /// <summary>The ids of a hash, the newest last.</summary>
    internal long[] Of(in ChunkHash hash)
    {
        var index = Newest(hash);
        if (index == None)
        {
            return [];
        }

        var ids = new List<long>(1);
        for (; index != None; index = At(index).Older)
        {
            if (At(index).Hash == hash)
            {
                ids.Add(At(index).Id);
            }
        }

        ids.Reverse();
        return [.. ids];
    }

    internal void Remove(in ChunkHash hash, long id)
    {
        var index = Find(hash, id);
        if (index == None)
        {
            return;
        }

        ref var link = ref Slot(hash);
        while (link != index)
        {
            link = ref At(link).Older;
        }

        link = At(index).Older;
        At(index).Id = Entry.Taken;
        Count--;
    }

    /// <summary>Forgets the oldest of them: so many as came first, those counted too that were removed since.</summary>
    internal void RemoveOldest(int came)
    {
        for (var end = _from + came; _from < end; _from++)
        {
            Count -= At(_from).IsTaken ? 0 : 1;
        }

        var pages = _from / PageEntries;
        _pages[..pages].ForEach(_spare.Push);
        _pages.RemoveRange(0, pages);
        _from -= pages * PageEntries;
        _end -= pages * PageEntries;
        LinkAll(SmallestTable);
    }

    /// <summary>How many came, from the oldest on, until so many of those that are left; all where there are fewer.</summary>
    internal int CameUntil(int count)
    {
        var index = _from;
        for (; index < _end && count > 0; index++)
        {
            count -= At(index).IsTaken ? 0 : 1;
        }

        return index - _from;
    }

    private static int[] NewTable(int slots)
    {
        var table = new int[slots];
        Array.Fill(table, None);
        return table;
    }

    private ref Entry At(int index) => ref _pages[index / PageEntries][index % PageEntries];

    private ref int Slot(in ChunkHash hash) => ref _newest[(int)(((ulong)hash.FirstEight * _factor) >> (64 - BitOperations.Log2((uint)_newest.Length)))];

    private int Newest(in ChunkHash hash)
    {
        var index = Slot(hash);
        while (index != None && At(index).Hash != hash)
        {
            index = At(index).Older;
        }

        return index;
    }

    private int Find(in ChunkHash hash, long id)
    {
        var index = Slot(hash);
        while (index != None && (At(index).Id != id || At(index).Hash != hash))
        {
            index = At(index).Older;
        }

        return index;
    }

    private void Link(int index)
    {
        ref var slot = ref Slot(At(index).Hash);
        At(index).Older = slot;
        slot = index;
    }

    /// <summary>Links all anew, in a table of at least this many slots.</summary>
    private void LinkAll(int slots)
    {
        while (slots < _end - _from)
        {
            slots *= 2;
        }

        _newest = NewTable(slots);
        for (var i = _from; i < _end; i++)
        {
            if (!At(i).IsTaken)
            {
                Link(i);
            }
        }
    }

    // 44 bytes.
    [StructLayout(LayoutKind.Sequential, Pack = sizeof(int))]
    private struct Entry
    {
        public const long Taken = 0;

        public ChunkHash Hash;
        public long Id;

        /// <summary>The one before it in its slot.</summary>
        public int Older;

        public readonly bool IsTaken => Id == Taken;
    }
}
