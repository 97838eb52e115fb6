using System.Collections.Concurrent;
using Stof.Reference.Formats;
using Stof.Reference.Masks;
using Stof.Reference.Numerics;
using Stof.Reference.Tensors;

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

    /// <summary>Whether batch items may differ.</summary>
    public bool VariesByBatch { get; private init; } = true;

    /// <summary>Whether heads may differ.</summary>
    public bool VariesByHead { get; private init; } = true;

    /// <summary>The planes of a bound mask.</summary>
    public static MaskPlanes Of(BoundMask mask)
    {
        ArgumentNullException.ThrowIfNull(mask);
        return new MaskPlanes(mask.Extent, (batch, head) => BitPlane.Of(mask, batch, head))
        {
            VariesByBatch = mask.VariesByBatch,
            VariesByHead = mask.VariesByHead,
        };
    }

    /// <summary>One plane; not to be written to.</summary>
    public BitPlane this[int batch, int head] => _planes.GetOrAdd((batch, head), at => _compute(at.Batch, at.Head));

    /// <summary>The mask as Bool [B or 1, H or 1, Sq, Skv], 1 where all items or heads share it: for kernels that take arrays.</summary>
    public HostTensor ToTensor()
    {
        var (batch, heads) = (VariesByBatch ? Extent.Batch : 1, VariesByHead ? Extent.Heads : 1);
        var tensor = HostTensor.Zeros(DType.Bool, batch, heads, Extent.QueryLength, Extent.KeyLength);
        for (var (row, at) = (0, 0); row < batch * heads * Extent.QueryLength; row++)
        {
            var plane = this[row / Extent.QueryLength / heads, row / Extent.QueryLength % heads];
            for (var key = 0; key < Extent.KeyLength; key++, at++)
            {
                tensor.Bytes[at] = plane[row % Extent.QueryLength, key] ? (byte)1 : (byte)0;
            }
        }

        return tensor;
    }

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
