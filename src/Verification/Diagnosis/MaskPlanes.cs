using System.Collections.Concurrent;
using Stof.Reference.Formats;
using Stof.Reference.Masks;

namespace Stof.Reference.Verification.Diagnosis;

/// <summary>The planes of a mask, one a batch item and head, each computed when it is first asked for and then kept.</summary>
public sealed class MaskPlanes
{
    private readonly ConcurrentDictionary<(int Batch, int Head), BitPlane> _planes = new();
    private readonly ConcurrentDictionary<(int Batch, int Head, TileShape Tile), TileClass[]> _classes = new();
    private readonly Func<int, int, BitPlane> _compute;

    /// <summary>Planes by a function.</summary>
    /// <param name="extent">Batch, heads and lengths.</param>
    /// <param name="compute">The plane of (batch, head).</param>
    public MaskPlanes(MaskExtent extent, Func<int, int, BitPlane> compute)
    {
        Extent = extent;
        _compute = compute;
    }

    /// <summary>Batch, heads and lengths.</summary>
    public MaskExtent Extent { get; }

    /// <summary>The planes of a bound mask.</summary>
    public static MaskPlanes Of(BoundMask mask)
    {
        ArgumentNullException.ThrowIfNull(mask);
        return new MaskPlanes(mask.Extent, (batch, head) => BitPlane.Of(mask, batch, head));
    }

    /// <summary>One plane; not to be written to.</summary>
    public BitPlane this[int batch, int head] => _planes.GetOrAdd((batch, head), at => _compute(at.Batch, at.Head));

    /// <summary>Tile rows of a tiling.</summary>
    public int TileRows(TileShape tile) => (Extent.QueryLength + tile.Rows - 1) / tile.Rows;

    /// <summary>Tile columns of a tiling.</summary>
    public int TileColumns(TileShape tile) => (Extent.KeyLength + tile.Columns - 1) / tile.Columns;

    /// <summary>Classes of a plane's tiles, [tile rows, tile columns].</summary>
    public TileClass[] Classes(int batch, int head, TileShape tile) => _classes.GetOrAdd((batch, head, tile), at =>
    {
        var plane = this[at.Batch, at.Head];
        var columns = TileColumns(at.Tile);
        return [.. Enumerable.Range(0, TileRows(at.Tile) * columns).Select(i => plane.Classify(i / columns, i % columns, at.Tile.Rows, at.Tile.Columns))];
    });

    /// <summary>Columns of the tiles of a tile row that are not empty, ascending.</summary>
    public int[] Listed(int batch, int head, TileShape tile, int tileRow)
    {
        var columns = TileColumns(tile);
        var classes = Classes(batch, head, tile);
        return [.. Enumerable.Range(0, columns).Where(column => classes[(tileRow * columns) + column] != TileClass.Empty)];
    }
}
