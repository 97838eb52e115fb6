using Stof.Reference.Masks;
using Stof.Reference.Numerics;
using Stof.Reference.Tensors;

namespace Stof.Reference.Formats;

/// <summary>
/// The one-level form that the STOF artifact used before its bitmaps: the same six lists of tiles, and for every part tile an additive
/// F16 square that is 0 where a pair is allowed and −10000 where it is masked. The artifact keeps batch item 0 only; here all slices
/// follow one another. It writes a square of ones where there is no part tile; here there is none then. Represents every mask;
/// costs sixteen times the bitmaps of <see cref="BlockMask"/>.
/// <para>
/// −10000 is a bias, not a mask: a row whose every key is masked comes out as their plain mean. Read it as a mask, as this type does.
/// </para>
/// <para>
/// Example: <c>causal</c> at S = 16 in tiles of 8×8. The lists are those of <see cref="BlockMask"/>; <c>part_block_mask</c> is twice the
/// square whose row r begins with r + 1 zeros and ends with 7 − r times −10000.
/// </para>
/// </summary>
public sealed class StofBlocks
{
    /// <summary>What is added to a masked score.</summary>
    public const float Masked = -10000;

    /// <summary>The names of the arrays.</summary>
    internal static readonly string[] Names =
    [
        "full_row_ptr", "full_col_idx", "part_row_ptr", "part_col_idx", "load_row_ptr", "load_col_idx", "part_block_mask",
        ArrayReader.Extent, "tile", ArrayReader.SliceCounts,
    ];

    private readonly BlockMask _lists;

    private StofBlocks(BlockMask lists) => _lists = lists;

    /// <summary>Builds the lists for one tile size.</summary>
    /// <exception cref="InvalidInputException">The tile's sides are not positive multiples of 8, or the lists exceed 32 bits.</exception>
    public static StofBlocks Build(BoundMask mask, TileShape tile) => new(BlockMaskBuilder.Build(mask, tile));

    /// <summary>
    /// Named arrays, ready for an npz: the lists as in <see cref="BlockMaskArrays"/> (I32), <c>part_block_mask</c> F16 [part tiles, BM,
    /// BN], <c>extent</c>, <c>tile</c> and <c>slices</c>.
    /// </summary>
    /// <exception cref="InvalidInputException">The squares exceed 2 GiB.</exception>
    public Dictionary<string, HostTensor> ToArrays()
    {
        var arrays = _lists.ToArrays();
        arrays.Remove("bitmap_mask");
        var (tile, parts) = (_lists.Tile, _lists.PartColIdx.Length);
        var squares = HostTensor.Uninitialized(DType.F16, parts, tile.Rows, tile.Columns);
        var values = squares.Span<Half>();
        var (zero, masked) = ((Half)0, (Half)Masked);
        var next = 0;
        for (var part = 0; part < parts; part++)
        {
            for (var row = 0; row < tile.Rows; row++)
            {
                for (var column = 0; column < tile.Columns; column += BoundMask.RowBits)
                {
                    var bits = TileBits.GetRow(_lists.Bitmap(part), tile, row, column);
                    var end = Math.Min(BoundMask.RowBits, tile.Columns - column);
                    for (var i = 0; i < end; i++)
                    {
                        values[next++] = ((bits >> i) & 1) != 0 ? zero : masked;
                    }
                }
            }
        }

        arrays["part_block_mask"] = squares;
        return arrays;
    }

    /// <summary>Reads named arrays back and checks them as <see cref="BlockMaskValidator"/> does.</summary>
    /// <exception cref="InvalidInputException">
    /// An array is missing, unknown, or of another dtype or shape; a value is neither 0 nor −10000; the lists are no mask.
    /// </exception>
    public static StofBlocks FromArrays(IReadOnlyDictionary<string, HostTensor> arrays)
    {
        var reader = new ArrayReader("one-level blocks", arrays, Names);
        var tile = reader.Tile("tile");
        var parts = reader.Tensor<int>("part_col_idx", -1).Count;
        var values = reader.Tensor<Half>("part_block_mask", parts, tile.Rows, tile.Columns).Span<Half>();
        var bitmaps = new ulong[(long)parts * tile.WordsPerTile];
        for (var i = 0; i < values.Length; i++)
        {
            var (row, column) = Math.DivRem(i % (tile.Rows * tile.Columns), tile.Columns);
            if (values[i] == (Half)0)
            {
                var words = bitmaps.AsSpan(i / (tile.Rows * tile.Columns) * tile.WordsPerTile, tile.WordsPerTile);
                words[tile.WordIndex(row, column)] |= 1UL << TileShape.BitIndex(row, column);
            }
            else if (values[i] != (Half)Masked)
            {
                throw FormatRules.Wrong(
                    $"part_block_mask[{i / (tile.Rows * tile.Columns)}, {row}, {column}]", values[i], $"0 (allowed) or {Masked} (masked)");
            }
        }

        // From here on they are tile lists; a square that breaks their rules is named by the words it stands for.
        var lists = arrays.Where(a => a.Key != "part_block_mask").ToDictionary(a => a.Key, a => a.Value);
        lists["bitmap_mask"] = ArrayWriter.Vector(bitmaps);
        return new StofBlocks(BlockMaskArrays.FromArrays(lists));
    }

    /// <summary>The lists as a mask.</summary>
    public BoundMask AsMask() => _lists.AsMask();
}
