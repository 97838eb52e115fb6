using Stof.Reference.Formats;
using Stof.Reference.Interchange;
using Stof.Reference.Masks;
using Stof.Reference.Tests;
using Stof.Reference.Unit.Tests.Masks;

namespace Stof.Reference.Unit.Tests.Formats;

public sealed class BlockMaskTests
{
    private static readonly TileShape[] Tiles = [new(8, 8), new(16, 16), new(64, 64), new(32, 128), new(64, 16), new(8, 200)];

    public static TheoryData<string> Texts => MaskCases.ExamplesAndAlgebra;

    [Theory]
    [MemberData(nameof(Texts))]
    public void Every_format_decodes_to_the_mask_it_was_built_from(string text)
    {
        var pattern = MaskText.Parse(text);
        foreach (var extent in MaskCases.Extents(pattern))
        {
            CheckAllFormats(pattern.Bind(extent), text);
        }
    }

    [Theory]
    [MemberData(nameof(Texts))]
    public void Tile_lists_survive_a_file(string text)
    {
        using var folder = new TempFolder();
        var file = folder.File("tiles.npz");
        var pattern = MaskText.Parse(text);
        foreach (var extent in MaskCases.Extents(pattern))
        {
            foreach (var tile in new[] { new TileShape(16, 16), new TileShape(64, 32) })
            {
                var mask = BlockMaskBuilder.Build(pattern, extent, tile);
                NpzArchive.Write(file, mask.ToArrays());
                var read = BlockMaskArrays.FromArrays(NpzArchive.Read(file));

                Assert.Equal(mask.Extent, read.Extent);
                Assert.Equal(mask.LoadRowPtr, read.LoadRowPtr);
                Assert.Equal(mask.LoadColIdx, read.LoadColIdx);
                Assert.Equal(mask.LoadPartIdx, read.LoadPartIdx);
                Assert.Equal(mask.Bitmaps, read.Bitmaps);
            }
        }
    }

    [Fact]
    public void The_stored_form_reads_sixty_four_keys_from_any_start()
    {
        var mask = MaskText.Parse("longformer(band=20,global=9)").Bind(new MaskExtent(100, 150));
        foreach (var tile in Tiles)
        {
            var stored = BlockMaskBuilder.Build(mask, tile).AsMask();
            for (var query = 0; query < 100; query++)
            {
                for (var start = 0; start < 150; start++)
                {
                    Assert.True(mask.Row64(0, 0, query, start) == stored.Row64(0, 0, query, start), $"tile {tile}, q{query} from {start}");
                }
            }
        }
    }

    [Fact]
    public void Masks_that_differ_by_batch_item_and_head_keep_their_differences()
    {
        const int Seed = 31;
        var random = new Random(Seed);
        var salt = Enumerable.Range(0, 6).Select(_ => random.Next(2, 9)).ToArray();
        foreach (var (byBatch, byHead) in new[] { (true, true), (true, false), (false, true), (false, false) })
        {
            bool Allows(int b, int h, int q, int k) => ((q * 7) + (k * 3)) % salt[(byBatch ? 2 * b : 0) + (byHead ? h : 0)] == 0;
            var mask = new PredicateMask("salted", Allows, byBatch, byHead).Bind(new MaskExtent(70, 90, 3, 2));
            CheckAllFormats(mask, $"predicate {byBatch} {byHead}, seed {Seed}");
            var stored = BlockMaskBuilder.Build(mask, TileShape.Default);
            Assert.Equal((byBatch ? 3 : 1, byHead ? 2 : 1), (stored.BatchSlices, stored.HeadSlices));
        }
    }

    [Fact]
    public void Random_masks_of_every_density_survive()
    {
        for (var seed = 0; seed < 40; seed++)
        {
            var random = new Random(seed);
            var extent = new MaskExtent(random.Next(140), random.Next(140));
            var bits = new bool[extent.QueryLength, extent.KeyLength];
            var density = random.NextDouble() * random.NextDouble();
            for (var i = 0; i < bits.GetLength(0); i++)
            {
                // Whole runs of one value, so that full and empty tiles occur.
                var value = random.NextDouble() < density;
                for (var j = 0; j < bits.GetLength(1); j++)
                {
                    value = random.Next(40) == 0 ? random.NextDouble() < density : value;
                    bits[i, j] = value || i % 64 < 16 && j < 64;
                }
            }

            CheckAllFormats(new PredicateMask("bits", (_, _, q, k) => bits[q, k], false, false).Bind(extent), $"seed {seed}");
        }
    }

    [Fact]
    public void Causal_at_sixteen_has_the_arrays_worked_out_by_hand()
    {
        var mask = BlockMaskBuilder.Build(new CausalMask(), new MaskExtent(16, 16), new TileShape(8, 8));
        Assert.Equal([0, 0, 1], mask.FullRowPtr);
        Assert.Equal([0], mask.FullColIdx);
        Assert.Equal([0, 1, 2], mask.PartRowPtr);
        Assert.Equal([0, 1], mask.PartColIdx);
        Assert.Equal([0, 1, 3], mask.LoadRowPtr);
        Assert.Equal([0, 0, 1], mask.LoadColIdx);
        Assert.Equal([0, -1, 1], mask.LoadPartIdx);
        Assert.Equal([0xFF7F3F1F0F070301, 0xFF7F3F1F0F070301], mask.Bitmaps);
    }

    [Fact]
    public void One_tile_of_sixteen_by_sixteen_goes_down_its_first_column_of_inner_tiles_first()
    {
        // sliding(1) at S = 16 in one 16×16 tile: words are (rows 0-7, keys 0-7), (8-15, 0-7), (0-7, 8-15), (8-15, 8-15).
        var mask = BlockMaskBuilder.Build(new SlidingMask(1), new MaskExtent(16, 16), new TileShape(16, 16));
        Assert.Equal([0xC0E070381C0E0703, 0x0000000000000080, 0x0100000000000000, 0xC0E070381C0E0703], mask.Bitmaps);
        Assert.Empty(mask.FullColIdx);
    }

    [Fact]
    public void A_tile_whose_inner_tiles_are_all_set_somewhere_is_not_full()
    {
        // The paper's text calls a tile full when no inner tile is empty; that would let masked pairs through.
        var mask = BlockMaskBuilder.Build(
            new PredicateMask("one pair in 64", (_, _, q, k) => q % 8 == 3 && k % 8 == 5), new MaskExtent(64, 64), TileShape.Default);
        Assert.Empty(mask.FullColIdx);
        Assert.Single(mask.PartColIdx);
        Assert.False(mask.Bitmaps.Contains(0UL));
    }

    [Fact]
    public void A_ragged_edge_tile_is_part_even_where_every_pair_is_allowed()
    {
        var mask = BlockMaskBuilder.Build(new FullMask(), new MaskExtent(70, 100), TileShape.Default);
        Assert.Equal([0, 1, 1], mask.FullRowPtr);
        Assert.Equal([1, 0, 1], mask.PartColIdx);
        Assert.Equal([0, 1, 0, 1], mask.LoadColIdx);
    }

    [Fact]
    public void Gaps_between_listed_tiles_and_rows_without_a_tile_are_kept()
    {
        var mask = BlockMaskBuilder.Build(
            MaskText.Parse("!(sliding(2147483647) & causal) & sliding(100) & !sliding(60)"), new MaskExtent(32, 256, Alignment: PositionAlignment.TopLeft), new TileShape(16, 16));
        Assert.True(mask.LoadColIdx[0] > 0);
        var gaps = BlockMaskBuilder.Build(MaskText.Parse("dilated(width=60,gap=31)"), new MaskExtent(64, 64), new TileShape(8, 8));
        Assert.Contains(Enumerable.Range(1, gaps.LoadColIdx.Length - 1), i => gaps.LoadColIdx[i] > gaps.LoadColIdx[i - 1] + 1);
        var empty = BlockMaskBuilder.Build(new EmptyMask(), new MaskExtent(100, 100), TileShape.Default);
        Assert.Equal([0, 0, 0], empty.LoadRowPtr);
    }

    [Theory]
    [InlineData(0, 64)]
    [InlineData(64, 0)]
    [InlineData(-8, 8)]
    [InlineData(12, 8)]
    [InlineData(8, 20)]
    [InlineData(8200, 8)]
    [InlineData(8, int.MaxValue - 7)]
    public void Tiles_that_are_no_multiple_of_eight_or_too_large_are_refused(int rows, int columns)
    {
        var message = Assert.Throws<InvalidInputException>(
            () => BlockMaskBuilder.Build(new FullMask(), new MaskExtent(8, 8), new TileShape(rows, columns))).Message;
        Assert.Contains($"{rows}x{columns}", message);
    }

    [Theory]
    [InlineData("64x32", 64, 32)]
    [InlineData("8x8", 8, 8)]
    public void Tile_sizes_parse(string text, int rows, int columns) => Assert.Equal(new TileShape(rows, columns), TileShape.Parse(text));

    [Theory]
    [InlineData("64")]
    [InlineData("64x")]
    [InlineData("64x64x64")]
    [InlineData("ax8")]
    [InlineData("7x8")]
    public void Other_tile_texts_are_refused(string text) => Assert.Throws<InvalidInputException>(() => TileShape.Parse(text));

    [Fact]
    public void Long_sequences_cost_their_tiles_and_not_their_square()
    {
        // Sq·Skv is 2³⁹ here: only a builder that does not visit it can finish.
        var extent = new MaskExtent(512, 1 << 30);
        var mask = BlockMaskBuilder.Build(MaskText.Parse("sliding(64)"), extent, TileShape.Default);
        Assert.Equal(8 * 2 + 7, mask.LoadColIdx.Length);
        Assert.Equal((1 << 24) - 1, mask.LoadColIdx[^1]);
    }

    [Fact]
    public void Printing_draws_the_tiles()
    {
        var mask = BlockMaskBuilder.Build(MaskText.Parse("causal & sliding(64)"), new MaskExtent(256, 256), TileShape.Default);
        Assert.Equal(
            """
            BlockMask [1, 1, 256, 256], tile 64x64, 22.22 % allowed, tiles 0 full, 7 part, 9 empty
            ░░      
            ░░░░    
              ░░░░  
                ░░░░

            """.ReplaceLineEndings("\n"),
            mask.ToString());
        var large = BlockMaskBuilder.Build(new CausalMask(), new MaskExtent(64 * 200, 64 * 200), TileShape.Default).ToString().Split('\n');
        Assert.InRange(large.Length, 20, 34);
        Assert.StartsWith("██████", large[20]);
        Assert.Contains("tiles 0 full, 0 part, 0 empty", BlockMaskBuilder.Build(new FullMask(), new MaskExtent(0, 0), TileShape.Default).ToString());
    }

    private static void CheckAllFormats(BoundMask mask, string what)
    {
        var dense = mask.ToDense();
        var rows = RowLists.Build(mask);
        foreach (var tile in Tiles)
        {
            var stored = BlockMaskBuilder.Build(mask, tile).Validated();
            var decoded = stored.AsMask();
            var again = BlockMaskBuilder.Build(decoded, new TileShape(16, 24)).AsMask();
            Assert.Equal(dense.Bytes, decoded.ToDense().Bytes);
            Assert.Equal(dense.Bytes, again.ToDense().Bytes);
            CheckClasses(decoded, tile, what);
            for (var batch = 0; batch < mask.Extent.Batch; batch++)
            {
                for (var head = 0; head < mask.Extent.Heads; head++)
                {
                    CheckEveryPair(mask, stored, rows, batch, head, what);
                }
            }
        }

        if (dense.Count > 0)
        {
            Assert.Equal(dense.Bytes, DenseMask.From(dense).Bind(mask.Extent).ToDense().Bytes);
        }
    }

    private static void CheckEveryPair(BoundMask mask, BlockMask stored, RowLists rows, int batch, int head, string what)
    {
        for (var query = 0; query < mask.Extent.QueryLength; query++)
        {
            var row = rows.Row(batch, head, query);
            var next = 0;
            for (var key = 0; key < mask.Extent.KeyLength; key++)
            {
                var expected = mask.Allows(batch, head, query, key);
                if (expected != stored.Allows(batch, head, query, key))
                {
                    Assert.Fail($"{what} on {mask.Extent}, tile {stored.Tile}: b{batch} h{head} q{query} k{key} is {expected}");
                }

                if (expected && (next >= row.Length || row[next++] != key))
                {
                    Assert.Fail($"{what} on {mask.Extent}: row list of q{query} misses {key}");
                }
            }

            Assert.Equal(row.Length, next);
        }
    }

    private static void CheckClasses(BoundMask decoded, TileShape tile, string what)
    {
        var (queries, keys) = (decoded.Extent.QueryLength, decoded.Extent.KeyLength);
        for (var q = 0; q + tile.Rows <= queries; q += tile.Rows)
        {
            for (var k = 0; k + tile.Columns <= keys; k += tile.Columns)
            {
                var rect = new MaskRect(q, q + tile.Rows, k, k + tile.Columns);
                var count = 0;
                for (var i = 0; i < tile.Rows * tile.Columns; i++)
                {
                    count += decoded.Allows(0, 0, q + (i / tile.Columns), k + (i % tile.Columns)) ? 1 : 0;
                }

                var expected = count == 0 ? TileClass.Empty : count == tile.Rows * tile.Columns ? TileClass.Full : TileClass.Part;
                Assert.True(expected == decoded.Classify(0, 0, rect), $"{what}: {rect} is {expected}");
            }
        }
    }
}
