using Stof.Reference.Masks;
using Stof.Reference.Tensors;

namespace Stof.Reference.Formats.Peers;

/// <summary>
/// The block layout of Triton's block-sparse operators as DeepSpeed and xFormers use them: <c>layout</c> I64 [H or 1, Sq/b, Skv/b], 1
/// where a square of b×b pairs is computed and 0 where it is not. There is nothing finer: a tile with allowed and masked pairs is
/// refused, and so are lengths that are no multiple of b. The layout has no batch dimension. Where heads share a mask one is
/// stored; the peers want one a head.
/// <para>
/// These libraries add causality by a flag on top of a layout. That is another mask than the layout says, and is not read here.
/// </para>
/// <para>Example: <c>local(8)</c> at S = 16 with b = 8: layout [[[1, 0], [0, 1]]], block [8]. <c>causal</c> cannot be written.</para>
/// </summary>
public sealed class BlockLayout
{
    /// <summary>The names of the arrays.</summary>
    internal static readonly string[] Names = ["layout", "block", ArrayReader.Extent, ArrayReader.SliceCounts];

    private BlockLayout(MaskSlices slices, int block, long[] layout)
    {
        Slices = slices;
        Block = block;
        Layout = layout;
    }

    /// <summary>The rectangle and the stored slices; one batch item.</summary>
    public MaskSlices Slices { get; }

    /// <summary>Side of a square, b.</summary>
    public int Block { get; }

    /// <summary>0 or 1 a square, [slices, Sq/b, Skv/b].</summary>
    public long[] Layout { get; }

    private int BlockRows => Slices.Extent.QueryLength / Block;

    private int BlockColumns => Slices.Extent.KeyLength / Block;

    /// <summary>Writes a mask whose tiles are full or empty.</summary>
    /// <exception cref="InvalidInputException">
    /// The tile is no square of a multiple of 8, a length is no multiple of it, the mask differs by batch item, or a tile is mixed: the
    /// message names the first.
    /// </exception>
    public static BlockLayout Build(BoundMask mask, TileShape tile)
    {
        var slices = MaskSlices.Of(mask);
        FormatRules.Require(tile.Validated().Rows == tile.Columns, "tile", tile, "a square, such as 64x64: a block layout has one block size");
        FormatRules.Require(slices.Batch == 1, "mask", $"{slices.Batch} batch items that differ", "one mask for all: a block layout has no batch dimension");
        CheckLengths(slices.Extent, tile.Rows);
        var blocks = BlockMaskBuilder.Build(mask, tile);
        if (blocks.PartColIdx.Length > 0)
        {
            var row = blocks.PartRowPtr.AsSpan().IndexOfAnyExcept(0) - 1;
            throw FormatRules.Wrong(
                "mask", $"tile row {row % blocks.TileRows}, tile column {blocks.PartColIdx[0]} of head {row / blocks.TileRows} has allowed and masked pairs",
                $"full and empty tiles of {tile} only; try a smaller tile, or the formats flex or tiles");
        }

        var squares = (long)blocks.Slices * blocks.TileRows * blocks.TileColumns;
        FormatRules.Require(squares <= Array.MaxLength, "mask", $"{squares} squares of {tile}", $"at most {Array.MaxLength}");
        var layout = new BlockLayout(slices, tile.Rows, new long[squares]);
        for (var row = 0; row < blocks.Slices * blocks.TileRows; row++)
        {
            foreach (var column in blocks.FullColIdx.AsSpan(blocks.FullRowPtr[row]..blocks.FullRowPtr[row + 1]))
            {
                layout.Layout[(row * blocks.TileColumns) + column] = 1;
            }
        }

        return layout;
    }

    /// <summary>Named arrays, ready for an npz: <c>layout</c>, <c>block</c> I32 [1], <c>extent</c> and <c>slices</c>.</summary>
    public Dictionary<string, HostTensor> ToArrays()
    {
        var arrays = ArrayWriter.Start(Slices);
        arrays["layout"] = HostTensor.From(Layout, Slices.Heads, BlockRows, BlockColumns);
        arrays["block"] = ArrayWriter.Vector([Block]);
        return arrays;
    }

    /// <summary>Reads named arrays back and checks them.</summary>
    /// <exception cref="InvalidInputException">
    /// An array is missing, unknown, or of another dtype or shape; the block is no multiple of 8 or a length no multiple of it; a number is
    /// neither 0 nor 1; there is more than one batch slice.
    /// </exception>
    public static BlockLayout FromArrays(IReadOnlyDictionary<string, HostTensor> arrays)
    {
        var reader = new ArrayReader("block layout", arrays, Names);
        var slices = reader.Slices();
        FormatRules.Require(slices.Batch == 1, "slices[0]", slices.Batch, "1: a block layout has no batch dimension");
        var block = reader.Vector<int>("block", 1)[0];
        FormatRules.Require(
            block is > 0 and <= TileShape.MaxSide && block % TileShape.Inner == 0, "block[0]", block, $"a multiple of 8 from 8 to {TileShape.MaxSide}");
        CheckLengths(slices.Extent, block);
        var (rows, columns) = (slices.Extent.QueryLength / block, slices.Extent.KeyLength / block);
        var layout = new BlockLayout(slices, block, reader.Values<long>("layout", slices.Heads, rows, columns));
        var wrong = layout.Layout.AsSpan().IndexOfAnyExcept(0, 1);
        FormatRules.Require(
            wrong < 0, "layout", wrong < 0 ? "" : $"{layout.Layout[wrong]} at [{wrong / (rows * columns)}, {wrong / columns % rows}, {wrong % columns}]", "0 or 1");
        return layout;
    }

    /// <summary>The layout as a mask.</summary>
    public BoundMask AsMask()
    {
        var tiles = new TileAssembler(Slices, new TileShape(Block, Block));
        for (var row = 0; row < Slices.Count * BlockRows; row++)
        {
            for (var column = 0; column < BlockColumns; column++)
            {
                if (Layout[(row * BlockColumns) + column] == 1)
                {
                    tiles.AddFull(column);
                }
            }

            tiles.EndRow();
        }

        return tiles.ToBlockMask().AsMask();
    }

    private static void CheckLengths(MaskExtent extent, int block) => FormatRules.Require(
        extent.QueryLength % block == 0 && extent.KeyLength % block == 0,
        "mask", $"{extent.QueryLength} queries and {extent.KeyLength} keys", $"multiples of the block of {block}");
}
