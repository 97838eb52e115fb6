using Stof.Reference.Formats;
using Stof.Reference.Formats.Peers;
using Stof.Reference.Masks;
using Stof.Reference.Numerics;
using Stof.Reference.Tensors;
using Stof.Reference.Unit.Tests.Masks;

namespace Stof.Reference.Unit.Tests.Formats;

/// <summary>What other libraries mean by their arrays, written down once more from their documentation.</summary>
public sealed class PeerFormatTests
{
    [Theory]
    [InlineData(1, 1)]
    [InlineData(1, 2)]
    [InlineData(0, 2)]
    [InlineData(0, 4)]
    public void FlashMask_reads_any_bounds_as_Paddle_does(int causal, int bounds)
    {
        foreach (var (queries, keys) in new[] { (9, 9), (7, 12), (12, 7), (1, 9), (9, 1) })
        {
            for (var seed = 0; seed < 40; seed++)
            {
                var random = new Random(seed);
                var indices = new int[2 * keys * bounds];
                for (var i = 0; i < indices.Length; i++)
                {
                    indices[i] = random.Next(queries + 1);
                }

                for (var i = 1; i < indices.Length && bounds > 1; i += 2)
                {
                    if (bounds == 4 || causal == 1)
                    {
                        Array.Sort(indices, i - 1, 2);
                    }
                }

                var mask = FlashMask.FromArrays(new Dictionary<string, HostTensor>
                {
                    ["startend_row_indices"] = HostTensor.From(indices, 1, 2, keys, bounds),
                    ["causal"] = HostTensor.From([causal], 1),
                    ["extent"] = HostTensor.From([queries, keys, 3, 2, 1], 5),
                    ["slices"] = HostTensor.From([1, 2], 2),
                }).AsMask();
                for (var i = 0; i < 2 * queries * keys; i++)
                {
                    var (head, q, k) = (i / keys / queries, i / keys % queries, i % keys);
                    var b = indices.AsSpan(((head * keys) + k) * bounds, bounds);
                    var masked = (causal, bounds) switch
                    {
                        (1, 1) => q >= b[0],
                        (1, 2) => q >= b[0] && q < b[1],
                        (0, 2) => q >= b[0] || q < b[1],
                        _ => (q >= b[0] && q < b[1]) || (q >= b[2] && q < b[3]),
                    };
                    masked |= causal == 1 && q < k - (keys - queries);
                    Assert.True(masked != mask.Allows(2, head, q, k), $"seed {seed} {queries}x{keys} head {head} q{q} k{k}");
                }
            }
        }
    }

    [Theory]
    [InlineData("causal", true, 1)]
    [InlineData("causal & sliding(5)", true, 1)]
    [InlineData("causal & documents(20+44)", true, 1)]
    [InlineData("full", false, 2)]
    [InlineData("prefix(10)", false, 2)]
    [InlineData("documents(20+44)", false, 2)]
    [InlineData("sliding(5)", false, 2)]
    [InlineData("strided(8)", true, 0)]
    [InlineData("causal & (sliding(5) | !sliding(20))", true, 2)]
    [InlineData("longformer(band=4,global=4)", false, 4)]
    public void FlashMask_takes_the_smallest_form(string text, bool causal, int bounds)
    {
        var bound = MaskText.Parse(text).Bind(new MaskExtent(64, 64));
        if (bounds == 0)
        {
            Assert.Contains("expected at most two masked runs a key", Assert.Throws<InvalidInputException>(() => FlashMask.Build(bound)).Message);
            return;
        }

        var mask = FlashMask.Build(bound);
        Assert.Equal((causal, bounds), (mask.Causal, mask.Bounds));
    }

    [Fact]
    public void FlashMask_can_be_held_to_one_flag_and_names_the_first_key_that_does_not_fit()
    {
        var extent = new MaskExtent(64, 64);
        var forced = FlashMask.Build(new CausalMask().Bind(extent), causal: false);
        Assert.Equal((false, 2), (forced.Causal, forced.Bounds));
        Assert.Equal(new CausalMask().Bind(extent).ToDense().Bytes, forced.AsMask().ToDense().Bytes);
        Assert.Contains(
            "key 1 of batch item 0, head 0 is seen by query 0; expected none before query 1",
            Assert.Throws<InvalidInputException>(() => FlashMask.Build(new SlidingMask(5).Bind(extent), causal: true)).Message);
        Assert.Contains(
            "key 0 of batch item 0, head 0 is seen by 8 separate runs of queries; expected at most two masked runs a key",
            Assert.Throws<InvalidInputException>(() => FlashMask.Build(MaskText.Parse("dilated(width=14,gap=1) | dilated(width=15,gap=1) & empty").Bind(extent))).Message);
    }

    [Fact]
    public void Flex_lists_with_a_pattern_as_mask_mod_are_the_mask_that_they_were_built_from()
    {
        foreach (var text in new[] { "causal & sliding(30)", "longformer(band=9,global=5)", "strided(9)", "empty", "full", "bigbird(band=3,global=5,fill=0.1,seed=1)" })
        {
            var pattern = MaskText.Parse(text);
            foreach (var extent in MaskCases.Extents(pattern))
            {
                var mask = pattern.Bind(extent);
                var flex = FlexBlockMask.Build(mask, new TileShape(16, 32));
                Assert.Equal(mask.ToDense().Bytes, flex.AsMask(pattern).ToDense().Bytes);
                CheckClasses(flex.AsMask(pattern), text);
            }
        }
    }

    [Fact]
    public void Flex_reads_part_tiles_by_its_function_and_full_tiles_whole()
    {
        // Lists of causal with another function: the full tile stays whole, what is not listed stays masked.
        var extent = new MaskExtent(16, 16);
        var flex = FlexBlockMask.Build(new CausalMask().Bind(extent), new TileShape(8, 8));
        var mask = flex.AsMask(new FullMask());
        for (var i = 0; i < 256; i++)
        {
            Assert.Equal(i / 16 >= 8 || i % 16 < 8, mask.Allows(0, 0, i / 16, i % 16));
        }

        Assert.False(flex.AsMask(new EmptyMask()).Allows(0, 0, 0, 0));
        Assert.True(flex.AsMask(new EmptyMask()).Allows(0, 0, 8, 7));
    }

    [Fact]
    public void Flex_part_tiles_may_turn_out_full_or_empty()
    {
        var extent = new MaskExtent(16, 16);
        var arrays = FlexBlockMask.Build(new CausalMask().Bind(extent), new TileShape(8, 8)).ToArrays();
        arrays["stof_part_bitmaps"].Span<ulong>()[0] = ulong.MaxValue;
        arrays["stof_part_bitmaps"].Span<ulong>()[1] = 0;
        arrays["kv_indices"].Span<int>()[1] = 77; // padding means nothing
        var mask = FlexBlockMask.FromArrays(arrays).AsMask();
        Assert.Equal(TileClass.Full, mask.Classify(0, 0, new MaskRect(0, 16, 0, 8)));
        Assert.Equal(TileClass.Empty, mask.Classify(0, 0, new MaskRect(0, 16, 8, 16)));
    }

    [Fact]
    public void Flex_transposed_lists_name_the_rows_of_every_column()
    {
        var mask = MaskText.Parse("longformer(band=20,global=9) & causal").Bind(new MaskExtent(90, 130, 2));
        var flex = FlexBlockMask.Build(mask, new TileShape(16, 32));
        foreach (var (lists, full) in new[] { (flex.Part, false), (flex.Full, true) })
        {
            var transposed = flex.Transposed(full);
            Assert.Equal((6, 5), (lists.Counts.Length, transposed.Counts.Length));
            for (var column = 0; column < 5; column++)
            {
                Assert.Equal(Enumerable.Range(0, 6).Where(row => lists.Row(row).Contains(column)), transposed.Row(column).ToArray());
            }
        }
    }

    [Fact]
    public void FlashInfer_bits_are_those_of_packbits_on_every_segment()
    {
        foreach (var (queries, keys) in new[] { (1, 1), (3, 5), (7, 9), (8, 8), (5, 70), (66, 130), (0, 4), (4, 0) })
        {
            var random = new Random((queries * 1000) + keys);
            var bits = Enumerable.Range(0, 3 * queries * keys).Select(_ => random.Next(3) > 0).ToArray();
            var mask = new PredicateMask("drawn", (b, _, q, k) => bits[(((b * queries) + q) * keys) + k], true, false).Bind(new MaskExtent(queries, keys, 3, 2));
            foreach (var order in Enum.GetValues<BitOrder>())
            {
                var packed = FlashInferMask.Build(mask, order);
                var expected = Enumerable.Range(0, 3).SelectMany(b => PackBits(bits.AsSpan(b * queries * keys, queries * keys), order)).ToArray();
                Assert.Equal(expected, packed.Bits);
                Assert.Equal([0, expected.Length / 3, expected.Length / 3 * 2, expected.Length], packed.BytePtr);
                Assert.Equal(mask.ToDense().Bytes, packed.AsMask().ToDense().Bytes);
            }
        }
    }

    [Fact]
    public void FlashInfer_segments_of_unequal_lengths_are_masked_outside()
    {
        // Two items of 2×3 and 1×5 pairs, all allowed, in big order.
        var mask = FlashInferMask.FromArrays(new Dictionary<string, HostTensor>
        {
            ["qo_indptr"] = HostTensor.From([0, 2, 3], 3),
            ["kv_indptr"] = HostTensor.From([0, 3, 8], 3),
            ["mask_indptr"] = HostTensor.From([0, 1, 2], 3),
            ["packed_custom_mask"] = HostTensor.From<byte>([0xFC, 0xF8], 2),
            ["bit_order"] = HostTensor.From([1], 1),
            ["extent"] = HostTensor.From([2, 5, 2, 4, 0], 5),
            ["slices"] = HostTensor.From([2, 1], 2),
        }).AsMask();
        for (var i = 0; i < 20; i++)
        {
            var (b, q, k) = (i / 10, i / 5 % 2, i % 5);
            Assert.Equal(b == 0 ? k < 3 : q < 1, mask.Allows(b, 3, q, k));
            Assert.Equal(b == 0 ? k < 3 : q < 1, (mask.Row64(b, 0, q, k) & 1) != 0);
        }
    }

    [Theory]
    [InlineData("flashinfer", "mask: 2 heads that differ; expected one mask for all heads")]
    [InlineData("flashinfer_bsr", "mask: 1 batch items and 2 heads that differ")]
    [InlineData("cu_seqlens", "mask: 1 batch items and 2 heads that differ")]
    public void Masks_that_differ_by_head_are_refused_where_there_is_no_head_dimension(string format, string message)
    {
        var mask = new PredicateMask("drawn", (_, h, q, k) => k <= q + h, false, true).Bind(new MaskExtent(8, 8, 1, 2));
        Assert.Contains(message, Assert.Throws<InvalidInputException>(() => MaskFormats.Find(format).Write(mask, MaskFormatOptions.Default)).Message);
    }

    [Fact]
    public void Layouts_need_square_tiles_and_whole_ones()
    {
        var mask = MaskText.Parse("local(16)").Bind(new MaskExtent(48, 40));
        Assert.Contains("48 queries and 40 keys; expected multiples of the block of 16", Refusal(mask, new TileShape(16, 16)));
        Assert.Contains("tile: 16x8; expected a square", Refusal(mask, new TileShape(16, 8)));
        Assert.Contains(
            "mask: 2 batch items that differ",
            Refusal(new PredicateMask("drawn", (b, _, _, _) => b == 0, true, false).Bind(new MaskExtent(8, 8, 2)), new TileShape(8, 8)));
        var heads = new PredicateMask("drawn", (_, h, q, k) => h == 0 || k < q, false, true).Bind(new MaskExtent(16, 16, 1, 2));
        Assert.Contains("tile row 0, tile column 0 of head 1", Refusal(heads, new TileShape(8, 8)));

        static string Refusal(BoundMask mask, TileShape tile) => Assert.Throws<InvalidInputException>(() => BlockLayout.Build(mask, tile)).Message;
    }

    [Theory]
    [InlineData(3, 3)]
    [InlineData(3, 4)]
    [InlineData(4, 3)]
    [InlineData(1, 5)]
    [InlineData(5, 1)]
    public void Every_small_mask_is_packed_sequences_exactly_if_some_cut_gives_it(int queries, int keys)
    {
        var found = 0;
        for (var bits = 0; bits < 1 << (queries * keys); bits++)
        {
            var mask = new PredicateMask("drawn", (_, _, q, k) => ((bits >> ((q * keys) + k)) & 1) != 0, false, false).Bind(new MaskExtent(queries, keys));
            var dense = mask.ToDense();
            var rows = Representable.Rows(dense);
            var possible = Enum.GetValues<SequenceCausality>().Where(c => Representable.IsBlockDiagonal(rows, keys, c)).ToArray();
            foreach (var causal in new bool?[] { null, true, false })
            {
                var fitting = possible.Where(c => causal is null || causal == (c != SequenceCausality.None)).ToArray();
                var built = Build(mask, causal);
                Assert.True((built is null) == (fitting.Length == 0), $"mask {bits:X} of {queries}x{keys}, causal {causal}");
                if (built is not null)
                {
                    found++;
                    Assert.Equal(fitting[0], built.Causality);
                    Assert.Equal(dense.Bytes, SequenceStarts.FromArrays(built.ToArrays()).AsMask().ToDense().Bytes);
                }
            }
        }

        Assert.True(found > 10);

        static SequenceStarts? Build(BoundMask mask, bool? causal)
        {
            try
            {
                return SequenceStarts.Build(mask, causal);
            }
            catch (InvalidInputException)
            {
                return null;
            }
        }
    }

    [Theory]
    [InlineData("sliding(2)", "query 3 has the keys 1 to 5; expected blocks on the diagonal and nothing else")]
    [InlineData("!sliding(0)", "query 1 has the keys 0 to 0, 2 to 15; expected blocks on the diagonal")]
    [InlineData("longformer(band=0,global=1) & causal", "query 1 has the keys 0 to 1; expected")]
    [InlineData("dilated(width=7,gap=1)", "query 0 has the keys 0 to 0, 2 to 2, 4 to 4, …; expected")]
    public void What_is_not_block_diagonal_is_refused_by_query(string text, string message) => Assert.Contains(
        message, Assert.Throws<InvalidInputException>(() => SequenceStarts.Build(MaskText.Parse(text).Bind(new MaskExtent(16, 16)))).Message);

    [Theory]
    [InlineData(SequenceCausality.None, "11000 11000 00111")]
    [InlineData(SequenceCausality.TopLeft, "10000 11000 00100")]
    [InlineData(SequenceCausality.BottomRight, "10000 11000 00111")]
    public void The_three_kinds_of_sequences_read_as_xFormers_has_them(SequenceCausality causality, string rows)
    {
        var mask = SequenceStarts.FromArrays(new Dictionary<string, HostTensor>
        {
            ["q_seqstart"] = HostTensor.From([0, 2, 3], 3),
            ["k_seqstart"] = HostTensor.From([0, 2, 5], 3),
            ["causal"] = HostTensor.From([(int)causality], 1),
            ["extent"] = HostTensor.From([3, 5, 1, 1, 0], 5),
            ["slices"] = HostTensor.From([1, 1], 2),
        }).AsMask();
        Assert.Equal(rows, string.Join(' ', Enumerable.Range(0, 3).Select(q => string.Concat(Enumerable.Range(0, 5).Select(k => mask.Allows(0, 0, q, k) ? '1' : '0')))));
    }

    [Fact]
    public void Blocks_without_a_pair_may_be_listed()
    {
        var arrays = FlashInferBlocks.Build(new FullMask().Bind(new MaskExtent(8, 16)), new TileShape(8, 8)).ToArrays();
        arrays["bsr_mask"] = HostTensor.Zeros(DType.Bool, 2, 8, 8);
        Assert.Equal(TileClass.Empty, FlashInferBlocks.FromArrays(arrays).AsMask().Classify(0, 0, new MaskRect(0, 8, 0, 16)));
    }

    private static byte[] PackBits(ReadOnlySpan<bool> bits, BitOrder order)
    {
        var bytes = new byte[(bits.Length + 7) / 8];
        for (var i = 0; i < bits.Length; i++)
        {
            bytes[i / 8] |= (byte)(bits[i] ? order == BitOrder.Little ? 1 << (i % 8) : 128 >> (i % 8) : 0);
        }

        return bytes;
    }

    private static void CheckClasses(BoundMask mask, string what)
    {
        var extent = mask.Extent;
        for (var q = 0; q < extent.QueryLength; q += 13)
        {
            for (var k = 0; k < extent.KeyLength; k += 29)
            {
                var rect = new MaskRect(q, Math.Min(q + 13, extent.QueryLength), k, Math.Min(k + 29, extent.KeyLength));
                var known = mask.Classify(0, 0, rect);
                for (var i = 0; i < (rect.QueryEnd - q) * (rect.KeyEnd - k) && known != TileClass.Part; i++)
                {
                    Assert.True(mask.Allows(0, 0, q + (i / (rect.KeyEnd - k)), k + (i % (rect.KeyEnd - k))) == (known == TileClass.Full), $"{what} {rect}");
                }
            }
        }
    }
}
