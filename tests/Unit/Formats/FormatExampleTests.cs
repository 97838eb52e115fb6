using Stof.Reference.Formats;
using Stof.Reference.Formats.Peers;
using Stof.Reference.Masks;

namespace Stof.Reference.Unit.Tests.Formats;

/// <summary>The examples at S = 16 that the formats' documentation works out by hand.</summary>
public sealed class FormatExampleTests
{
    private const ulong Triangle = 0xFF7F3F1F0F070301;

    private static readonly TileShape Eight = new(8, 8);

    [Fact]
    public void Tiles_are_in_the_order_of_the_artifact()
    {
        // Tiles batch by batch, row by row, column by column; six lists; words of inner tiles column by column: written down from the
        // definition, pair by pair, and compared with the arrays.
        var extent = new MaskExtent(48, 48, 2);
        var mask = MaskText.Parse("bigbird(band=3,global=2,fill=0.2,seed=1) | local(24)").Bind(extent);
        var arrays = BlockMaskBuilder.Build(mask, new TileShape(16, 24)).ToArrays();
        var (pointers, columns) = (new[] { new List<int> { 0 }, [0], [0] }, new[] { new List<int>(), [], [] });
        var words = new List<ulong>();
        for (var row = 0; row < 2 * 3; row++)
        {
            for (var column = 0; column < 2; column++)
            {
                var tile = new ulong[6];
                for (var i = 0; i < 16 * 24; i++)
                {
                    var (r, c) = (i / 24, i % 24);
                    var allowed = mask.Allows(row / 3, 0, (row % 3 * 16) + r, (column * 24) + c);
                    tile[(16 / 8 * (c / 8)) + (r / 8)] |= allowed ? 1UL << ((8 * (r % 8)) + (c % 8)) : 0;
                }

                if (tile.Any(word => word != 0))
                {
                    var full = tile.All(word => word == ulong.MaxValue);
                    columns[full ? 0 : 1].Add(column);
                    columns[2].Add(column);
                    words.AddRange(full ? [] : tile);
                }
            }

            for (var list = 0; list < 3; list++)
            {
                pointers[list].Add(columns[list].Count);
            }
        }

        Assert.NotEmpty(columns[0]);
        foreach (var (name, list) in new[] { ("full", 0), ("part", 1), ("load", 2) })
        {
            Assert.Equal(pointers[list], arrays[$"{name}_row_ptr"].Span<int>().ToArray());
            Assert.Equal(columns[list], arrays[$"{name}_col_idx"].Span<int>().ToArray());
        }

        Assert.Equal(words, arrays["bitmap_mask"].Span<ulong>().ToArray());
    }

    [Fact]
    public void One_level_blocks()
    {
        var arrays = StofBlocks.Build(Bind("causal"), Eight).ToArrays();
        Assert.Equal([0, 1, 2], arrays["part_row_ptr"].Span<int>().ToArray());
        Assert.Equal("F16[2, 8, 8]", arrays["part_block_mask"].ToString());
        Assert.Equal(
            Enumerable.Range(0, 128).Select(i => i % 8 <= i / 8 % 8 ? 0f : -10000f),
            arrays["part_block_mask"].Span<Half>().ToArray().Select(v => (float)v));
    }

    [Fact]
    public void Row_lists()
    {
        var lists = RowLists.Build(Bind("sliding(1)"));
        Assert.Equal([0, .. Enumerable.Range(0, 15).Select(q => 2 + (3 * q)), 46], lists.RowPtr);
        Assert.Equal([0, 1, 0, 1, 2, 1, 2, 3], lists.ColIdx[..8]);
        Assert.Equal([14, 15], lists.ColIdx[^2..]);
    }

    [Fact]
    public void Row_intervals()
    {
        var runs = RowIntervals.Build(Bind("longformer(band=1,global=2)"));
        Assert.Equal([0, 1, 2, 3, 4, 6], runs.RowPtr[..6]);
        Assert.Equal([0, 16, 0, 16, 0, 4, 0, 5, 0, 2, 3, 6], runs.Bounds[..12]);
    }

    [Fact]
    public void Column_intervals()
    {
        var runs = ColumnIntervals.Build(Bind("causal & sliding(2)"));
        Assert.Equal(Enumerable.Range(0, 17), runs.ColumnPtr);
        Assert.Equal(Enumerable.Range(0, 16).SelectMany(k => new[] { k, Math.Min(k + 3, 16) }), runs.Bounds);
    }

    [Fact]
    public void Bits_of_both_orders()
    {
        var little = BitRows.Build(Bind("causal"), BitOrder.Little).Bits;
        Assert.Equal([0x01, 0x00], little[..2]);
        Assert.Equal([0xFF, 0x00, 0xFF, 0x01], little[14..18]);
        Assert.Equal([0xFF, 0xFF], little[30..]);
        var big = BitRows.Build(Bind("causal"), BitOrder.Big).Bits;
        Assert.Equal([0x80, 0x00], big[..2]);
        Assert.Equal([0xFF, 0x80], big[16..18]);
    }

    [Fact]
    public void FlashMask_of_a_causal_band()
    {
        var mask = FlashMask.Build(Bind("causal & sliding(2)"));
        Assert.Equal((true, 1), (mask.Causal, mask.Bounds));
        Assert.Equal([.. Enumerable.Range(3, 13), 16, 16, 16], mask.Indices);
    }

    [Fact]
    public void Flex_lists()
    {
        var mask = FlexBlockMask.Build(Bind("causal"), Eight);
        Assert.Equal([1, 1], mask.Part.Counts);
        Assert.Equal([0, 1, 1, 0], mask.Part.Indices);
        Assert.Equal([0, 1], mask.Full.Counts);
        Assert.Equal([0, 1, 0, 1], mask.Full.Indices);
        Assert.Equal([Triangle, Triangle], mask.PartBitmaps);
        Assert.Equal("I32[1, 1, 2, 2]", mask.ToArrays()["kv_indices"].ToString());
    }

    [Fact]
    public void FlashInfer_segments_are_not_rows_of_whole_bytes()
    {
        var mask = FlashInferMask.Build(Bind("causal"), BitOrder.Little);
        Assert.Equal([0, 16], mask.QueryPtr);
        Assert.Equal([0, 16], mask.KeyPtr);
        Assert.Equal([0, 32], mask.BytePtr);
        Assert.Equal([0x01, 0x00, 0x03, 0x00, 0x07, 0x00], mask.Bits[..6]);
        var three = MaskText.Parse("causal").Bind(new MaskExtent(3, 3));
        Assert.Equal([0xD9, 0x01], FlashInferMask.Build(three, BitOrder.Little).Bits);
        Assert.Equal([0x9B, 0x80], FlashInferMask.Build(three, BitOrder.Big).Bits);
        Assert.Equal([0x01, 0x03, 0x07], BitRows.Build(three, BitOrder.Little).Bits);
    }

    [Fact]
    public void FlashInfer_blocks()
    {
        var arrays = FlashInferBlocks.Build(Bind("causal"), Eight).ToArrays();
        Assert.Equal([0, 1, 3], arrays["indptr"].Span<int>().ToArray());
        Assert.Equal([0, 0, 1], arrays["indices"].Span<int>().ToArray());
        Assert.Equal(
            Enumerable.Range(0, 192).Select(i => i / 64 == 1 || i % 8 <= i / 8 % 8), arrays["bsr_mask"].Span<bool>().ToArray());
    }

    [Fact]
    public void Block_layout()
    {
        var layout = BlockLayout.Build(Bind("local(8)"), Eight);
        Assert.Equal([1, 0, 0, 1], layout.Layout);
        Assert.Equal("I64[1, 2, 2]", layout.ToArrays()["layout"].ToString());
        var message = Assert.Throws<InvalidInputException>(() => BlockLayout.Build(Bind("causal"), Eight)).Message;
        Assert.Contains("tile row 0, tile column 0 of head 0 has allowed and masked pairs", message);
    }

    [Fact]
    public void Sequence_starts()
    {
        var starts = SequenceStarts.Build(Bind("causal & documents(5+11)"));
        Assert.Equal([0, 5, 16], starts.QueryStarts);
        Assert.Equal([0, 5, 16], starts.KeyStarts);
        Assert.Equal(SequenceCausality.TopLeft, starts.Causality);
        Assert.Equal([0, 16], SequenceStarts.Build(Bind("causal")).QueryStarts);
    }

    [Fact]
    public void Dense_bools() => Assert.Equal(
        Enumerable.Range(0, 256).Select(i => i % 16 <= i / 16), DenseArrays.ToArrays(Bind("causal"))["mask"].Span<bool>().ToArray());

    private static BoundMask Bind(string text) => MaskText.Parse(text).Bind(new MaskExtent(16, 16));
}
