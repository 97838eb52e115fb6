using Stof.Reference.Masks;
using Stof.Reference.Numerics;
using Stof.Reference.Tensors;

namespace Stof.Reference.Formats.Peers;

/// <summary>
/// FlashInfer's block-sparse rows (<c>BlockSparseAttentionWrapper.plan</c>; SciPy's <c>bsr_matrix</c>): block row r of R queries lists its
/// blocks of C keys as <c>indices[indptr[r] … indptr[r + 1])</c>, and <c>bsr_mask</c> Bool [blocks, R, C] (its parameter <c>mask</c>)
/// holds every pair of every listed block, so a full block costs as much as a mixed one. One mask for all batch items and heads:
/// a mask that differs is refused. M is Sq and N is Skv; most of its back ends want them to be multiples of R and C.
/// <para>
/// Example: <c>causal</c> at S = 16 in blocks of 8×8: indptr [0, 1, 3], indices [0, 0, 1], bsr_mask a lower triangle, a square of ones, a
/// lower triangle.
/// </para>
/// </summary>
public sealed class FlashInferBlocks
{
    /// <summary>The names of the arrays.</summary>
    internal static readonly string[] Names = ["indptr", "indices", "bsr_mask", "block_size", ArrayReader.Extent, ArrayReader.SliceCounts];

    private readonly BlockMask _blocks;

    private FlashInferBlocks(BlockMask blocks) => _blocks = blocks;

    /// <summary>Builds the blocks for one block size.</summary>
    /// <exception cref="InvalidInputException">
    /// The mask differs by batch item or head, the sides are not positive multiples of 8, or the lists exceed 32 bits.
    /// </exception>
    public static FlashInferBlocks Build(BoundMask mask, TileShape tile)
    {
        var slices = MaskSlices.Of(mask);
        FormatRules.Require(
            slices.Count == 1, "mask", $"{slices.Batch} batch items and {slices.Heads} heads that differ", "one mask for all: a block-sparse matrix has no batch and no heads");
        return new FlashInferBlocks(BlockMaskBuilder.Build(mask, tile));
    }

    /// <summary>
    /// Named arrays, ready for an npz: <c>indptr</c>, <c>indices</c> I32, <c>bsr_mask</c> Bool [blocks, R, C], <c>block_size</c> I32 [R, C],
    /// <c>extent</c> and <c>slices</c>.
    /// </summary>
    /// <exception cref="InvalidInputException">The squares exceed 2 GiB.</exception>
    public Dictionary<string, HostTensor> ToArrays()
    {
        var tile = _blocks.Tile;
        var squares = HostTensor.Uninitialized(DType.Bool, _blocks.LoadColIdx.Length, tile.Rows, tile.Columns);
        var next = 0;
        foreach (var part in _blocks.LoadPartIdx)
        {
            for (var row = 0; row < tile.Rows; row++)
            {
                for (var column = 0; column < tile.Columns; column += BoundMask.RowBits)
                {
                    var target = squares.Bytes.Slice(next, Math.Min(BoundMask.RowBits, tile.Columns - column));
                    PackedBits.Unpack(part < 0 ? ulong.MaxValue : TileBits.GetRow(_blocks.Bitmap(part), tile, row, column), target);
                    next += target.Length;
                }
            }
        }

        var arrays = ArrayWriter.Start(new MaskSlices(_blocks.Extent, 1, 1));
        arrays["indptr"] = ArrayWriter.Vector(_blocks.LoadRowPtr);
        arrays["indices"] = ArrayWriter.Vector(_blocks.LoadColIdx);
        arrays["bsr_mask"] = squares;
        arrays["block_size"] = ArrayWriter.Vector([tile.Rows, tile.Columns]);
        return arrays;
    }

    /// <summary>Reads named arrays back and checks them. A listed block without a pair is allowed: it costs time, not correctness.</summary>
    /// <exception cref="InvalidInputException">
    /// An array is missing, unknown, or of another dtype or shape; the running counts do not run from 0 to the number of blocks; an
    /// index is out of range or not above the one before; a pair past the last query or key is allowed; there is more than one slice.
    /// </exception>
    public static FlashInferBlocks FromArrays(IReadOnlyDictionary<string, HostTensor> arrays)
    {
        var reader = new ArrayReader("FlashInfer blocks", arrays, Names);
        var slices = reader.Slices();
        FormatRules.Require(slices.Count == 1, "slices", $"{slices.Batch}, {slices.Heads}", "1, 1: a block-sparse matrix has no batch and no heads");
        var tile = reader.Tile("block_size");
        var (indptr, indices) = (reader.Vector<int>("indptr"), reader.Vector<int>("indices"));
        var extent = slices.Extent;
        var rows = BlockMask.Tiles(extent.QueryLength, tile.Rows);
        FormatRules.CheckPointers("indptr", indptr, rows, "block row", "indices", indices.Length);
        FormatRules.CheckAscending("indices", indices, indptr, BlockMask.Tiles(extent.KeyLength, tile.Columns), "block row");
        ReadOnlySpan<byte> squares = reader.Tensor<bool>("bsr_mask", indices.Length, tile.Rows, tile.Columns).Bytes;
        var tiles = new TileAssembler(slices, tile);
        var words = new ulong[tile.WordsPerTile];
        for (var row = 0; row < rows; row++)
        {
            for (var block = indptr[row]; block < indptr[row + 1]; block++)
            {
                Pack(squares.Slice(block * tile.Rows * tile.Columns, tile.Rows * tile.Columns), tile, words);
                CheckEdge(words, tile, block, extent.QueryLength - (row * tile.Rows), extent.KeyLength - (indices[block] * tile.Columns));
                tiles.Add(indices[block], words);
            }

            tiles.EndRow();
        }

        return new FlashInferBlocks(tiles.ToBlockMask());
    }

    /// <summary>The blocks as a mask.</summary>
    public BoundMask AsMask() => _blocks.AsMask();

    private static void Pack(ReadOnlySpan<byte> square, TileShape tile, Span<ulong> words)
    {
        words.Clear();
        for (var row = 0; row < tile.Rows; row++)
        {
            for (var column = 0; column < tile.Columns; column += BoundMask.RowBits)
            {
                var count = Math.Min(BoundMask.RowBits, tile.Columns - column);
                TileBits.SetRow(words, tile, row, column, PackedBits.Pack(square.Slice((row * tile.Columns) + column, count)));
            }
        }
    }

    private static void CheckEdge(ReadOnlySpan<ulong> words, TileShape tile, int block, int queries, int keys)
    {
        if (queries >= tile.Rows && keys >= tile.Columns)
        {
            return;
        }

        for (var row = 0; row < tile.Rows; row++)
        {
            for (var column = row < queries ? Math.Max(keys, 0) : 0; column < tile.Columns; column++)
            {
                if (((words[tile.WordIndex(row, column)] >> TileShape.BitIndex(row, column)) & 1) != 0)
                {
                    throw FormatRules.Wrong($"bsr_mask[{block}, {row}, {column}]", "true", "false past the last query or key");
                }
            }
        }
    }
}
