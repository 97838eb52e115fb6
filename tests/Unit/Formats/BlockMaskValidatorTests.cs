using Stof.Reference.Formats;
using Stof.Reference.Masks;
using Stof.Reference.Numerics;
using Stof.Reference.Tensors;
using Stof.Reference.Tests;
using Stof.Reference.Unit.Tests.Masks;

namespace Stof.Reference.Unit.Tests.Formats;

public sealed class BlockMaskValidatorTests
{
    // causal at 40×40 in 16×16 tiles: rows {part 0}, {full 0, part 1}, {part 0, part 1, part 2}; the last row and column are cut.
    private static Dictionary<string, HostTensor> Causal() =>
        BlockMaskBuilder.Build(new CausalMask(), new MaskExtent(40, 40), new TileShape(16, 16)).ToArrays();

    [Fact]
    public void Arrays_go_out_and_come_back_equal()
    {
        foreach (var text in MaskExamples.All)
        {
            foreach (var extent in MaskCases.Extents(MaskText.Parse(text)))
            {
                var arrays = BlockMaskBuilder.Build(MaskText.Parse(text), extent, new TileShape(16, 32)).ToArrays();
                var back = BlockMaskArrays.FromArrays(arrays);
                Assert.Equal(extent, back.Extent);
                foreach (var (name, tensor) in back.ToArrays())
                {
                    Assert.Equal(arrays[name].ToString(), tensor.ToString());
                    Assert.Equal(arrays[name].Bytes, tensor.Bytes);
                }

                Assert.Equal(BlockMaskBuilder.Build(MaskText.Parse(text), extent, new TileShape(16, 32)).LoadPartIdx, back.LoadPartIdx);
            }
        }
    }

    public static TheoryData<string, int, int, string> Edits => new()
    {
        { "full_row_ptr", 0, 1, "full_row_ptr[0]: 1; expected 0" },
        { "full_row_ptr", 1, -1, "full_row_ptr[1]: -1; expected 0 or more" },
        { "full_row_ptr", 3, 0, "full_row_ptr[3]: 0; expected 1 or more" },
        { "part_row_ptr", 3, 6, "part_row_ptr[3]: 6; expected 5" },
        { "part_row_ptr", 1, 2, "load_row_ptr[1]: 1; expected room for part_col_idx[1]" },
        { "load_row_ptr", 1, 7, "load_row_ptr[2]: 3; expected 7 or more" },
        { "load_row_ptr", 3, 5, "load_row_ptr[3]: 5; expected 6, the length of load_col_idx" },
        { "full_col_idx", 0, 3, "full_col_idx[0]: 3; expected 0 to 2" },
        { "full_col_idx", 0, -1, "full_col_idx[0]: -1; expected 0 to 2" },
        { "part_col_idx", 3, 0, "part_col_idx[3]: 0; expected 1 to 2, ascending in tile row 2" },
        { "part_col_idx", 4, 3, "part_col_idx[4]: 3; expected 2 to 2" },
        { "part_col_idx", 1, 0, "part_col_idx[1]: 0; expected a tile that is not in full_col_idx too" },
        { "load_col_idx", 0, 1, "load_col_idx[0]: 1; expected 0 from the full and part tiles of row 0" },
        { "load_col_idx", 2, 2, "load_col_idx[2]: 2; expected 1" },
        { "load_col_idx", 4, 0, "load_col_idx[4]: 0; expected 1 to 2" },
        { "tile", 0, 12, "tile: 12x16" },
        { "tile", 0, 8, "full_row_ptr: 4 entries; expected 6" },
        { "slices", 0, 2, "slices[0]: 2; expected 1 or the batch of 1" },
        { "slices", 1, 3, "slices[1]: 3; expected 1 or the 1 heads" },
        { "slices", 1, 0, "slices: 1, 0; expected 1 or more" },
        { "extent", 0, -1, "QueryLength: -1" },
        { "extent", 4, 2, "extent[4]: 2" },
    };

    [Theory]
    [MemberData(nameof(Edits))]
    public void Every_broken_entry_is_refused_by_array_and_index(string array, int index, int value, string message)
    {
        var arrays = Causal();
        arrays[array].Span<int>()[index] = value;
        Assert.Contains(message, Assert.Throws<InvalidInputException>(() => BlockMaskArrays.FromArrays(arrays)).Message);
    }

    [Fact]
    public void Bitmaps_are_checked_bit_by_bit()
    {
        // Words of the last part tile (rows 32-39, keys 32-39 of 40): only its first inner tile is inside.
        Refuse(16, 0, "bitmap_mask[16]: a part tile without a bit", clear: true);
        Refuse(17, 1, "bitmap_mask[17]: 0x0000000000000001; expected no bit outside 0x0000000000000000");
        Refuse(18, 1UL << 63, "bitmap_mask[18]: 0x8000000000000000");
        Refuse(9, 1, "bitmap_mask[9]");
        var whole = Causal();
        whole["bitmap_mask"].Span<ulong>()[..4].Fill(ulong.MaxValue);
        Assert.Contains(
            "bitmap_mask[0]: a part tile with every bit; expected a full tile",
            Assert.Throws<InvalidInputException>(() => BlockMaskArrays.FromArrays(whole)).Message);
        var cut = Causal();
        cut["bitmap_mask"] = HostTensor.From<ulong>(cut["bitmap_mask"].Span<ulong>()[..19].ToArray(), 19);
        Assert.Contains(
            "bitmap_mask: 19 words; expected 20, 4 for each of 5 part tiles",
            Assert.Throws<InvalidInputException>(() => BlockMaskArrays.FromArrays(cut)).Message);
    }

    [Fact]
    public void An_edge_tile_cannot_be_full_and_lists_must_add_up()
    {
        var extra = Causal();
        extra["load_row_ptr"] = HostTensor.From([0, 1, 3, 5], 4);
        extra["load_col_idx"] = HostTensor.From([0, 0, 1, 0, 1], 5);
        Assert.Contains(
            "load_row_ptr[3]: 5; expected room for part_col_idx[4]",
            Assert.Throws<InvalidInputException>(() => BlockMaskArrays.FromArrays(extra)).Message);

        // The last diagonal tile moved from part to full.
        var edge = Causal();
        edge["full_row_ptr"] = HostTensor.From([0, 0, 1, 2], 4);
        edge["full_col_idx"] = HostTensor.From([0, 2], 2);
        edge["part_row_ptr"] = HostTensor.From([0, 1, 2, 4], 4);
        edge["part_col_idx"] = HostTensor.From([0, 1, 0, 1], 4);
        edge["bitmap_mask"] = HostTensor.From<ulong>(edge["bitmap_mask"].Span<ulong>()[..16].ToArray(), 16);
        Assert.Contains(
            "full_col_idx[1]: 2; expected a part tile, as the edge cuts it",
            Assert.Throws<InvalidInputException>(() => BlockMaskArrays.FromArrays(edge)).Message);
    }

    [Theory]
    [InlineData(16, 20)]
    [InlineData(20, 16)]
    [InlineData(20, 20)]
    public void A_tile_cut_in_either_direction_cannot_be_full(int queries, int keys)
    {
        // Every tile is listed as full and none as part.
        var arrays = BlockMaskBuilder.Build(new FullMask(), new MaskExtent(queries, keys), new TileShape(16, 16)).ToArrays();
        (arrays["full_row_ptr"], arrays["full_col_idx"]) = (arrays["load_row_ptr"], arrays["load_col_idx"]);
        arrays["part_row_ptr"] = HostTensor.Zeros(DType.I32, arrays["load_row_ptr"].Count);
        arrays["part_col_idx"] = HostTensor.Zeros(DType.I32, 0);
        arrays["bitmap_mask"] = HostTensor.Zeros(DType.U64, 0);
        Assert.Contains("a part tile, as the edge cuts it", Assert.Throws<InvalidInputException>(() => BlockMaskArrays.FromArrays(arrays)).Message);
    }

    [Fact]
    public void Missing_unknown_and_mistyped_arrays_are_refused()
    {
        foreach (var name in Causal().Keys)
        {
            var missing = Causal();
            missing.Remove(name);
            Assert.Contains($"no array '{name}'", Assert.Throws<InvalidInputException>(() => BlockMaskArrays.FromArrays(missing)).Message);
            var mistyped = Causal();
            mistyped[name] = HostTensor.Zeros(DType.I64, 5);
            Assert.StartsWith($"{name}: I64[5]", Assert.Throws<InvalidInputException>(() => BlockMaskArrays.FromArrays(mistyped)).Message);
            var matrix = Causal();
            matrix[name] = HostTensor.Zeros(matrix[name].Type, 2, 2);
            Assert.StartsWith($"{name}:", Assert.Throws<InvalidInputException>(() => BlockMaskArrays.FromArrays(matrix)).Message);
        }

        var unknown = Causal();
        unknown["more"] = HostTensor.Zeros(DType.I32, 1);
        Assert.Contains("unknown array 'more'", Assert.Throws<InvalidInputException>(() => BlockMaskArrays.FromArrays(unknown)).Message);
    }

    [Fact]
    public void Random_damage_is_refused_as_bad_input_or_leaves_a_mask_that_passes()
    {
        for (var seed = 0; seed < 3000; seed++)
        {
            var random = new Random(seed);
            var arrays = Causal();
            var tensor = arrays.Values.ElementAt(random.Next(arrays.Count));
            tensor.Bytes[random.Next(tensor.Bytes.Length)] = (byte)random.Next(256);
            var exception = Record.Exception(() => BlockMaskArrays.FromArrays(arrays));
            Assert.True(exception is null or InvalidInputException, $"seed {seed}: {exception}");
        }
    }

    private static void Refuse(int word, ulong bits, string message, bool clear = false)
    {
        var arrays = Causal();
        var words = arrays["bitmap_mask"].Span<ulong>();
        words[word] = clear ? bits : words[word] | bits;
        Assert.Contains(message, Assert.Throws<InvalidInputException>(() => BlockMaskArrays.FromArrays(arrays)).Message);
    }
}
