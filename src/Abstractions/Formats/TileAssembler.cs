namespace Stof.Reference.Formats;

/// <summary>
/// Two-level storage from tiles that are given in order, row after row: an empty tile is left out, a tile with every bit is full.
/// Peers list such tiles too (a part tile of FlexAttention is one that somebody looks at), two-level storage never does.
/// </summary>
internal sealed class TileAssembler(MaskSlices slices, TileShape tile)
{
    private readonly List<int> _fullRowPtr = [0];
    private readonly List<int> _full = [];
    private readonly List<int> _partRowPtr = [0];
    private readonly List<int> _part = [];
    private readonly List<int> _loadRowPtr = [0];
    private readonly List<int> _load = [];
    private readonly List<int> _loadPart = [];
    private readonly List<ulong> _bitmaps = [];

    /// <summary>Adds a tile by its words; bits past the last query or key are 0.</summary>
    public void Add(int column, ReadOnlySpan<ulong> words)
    {
        if (!words.ContainsAnyExcept(ulong.MaxValue))
        {
            AddFull(column);
        }
        else if (words.ContainsAnyExcept(0UL))
        {
            _loadPart.Add(_part.Count);
            _part.Add(column);
            _load.Add(column);
            _bitmaps.AddRange(words);
        }
    }

    /// <summary>Adds a tile with every bit.</summary>
    public void AddFull(int column)
    {
        _full.Add(column);
        _load.Add(column);
        _loadPart.Add(-1);
    }

    /// <summary>What comes next is in the next tile row.</summary>
    public void EndRow()
    {
        _fullRowPtr.Add(_full.Count);
        _partRowPtr.Add(_part.Count);
        _loadRowPtr.Add(_load.Count);
    }

    /// <summary>The storage.</summary>
    public BlockMask ToBlockMask() => new(slices.Extent, tile, slices.Batch, slices.Heads)
    {
        FullRowPtr = [.. _fullRowPtr],
        FullColIdx = [.. _full],
        PartRowPtr = [.. _partRowPtr],
        PartColIdx = [.. _part],
        LoadRowPtr = [.. _loadRowPtr],
        LoadColIdx = [.. _load],
        LoadPartIdx = [.. _loadPart],
        Bitmaps = [.. _bitmaps],
    };
}
