using Stof.Reference.Formats;
using Stof.Reference.Masks;
using Stof.Reference.Tensors;
using Stof.Reference.Unit.Tests.Masks;

namespace Stof.Reference.Unit.Tests.Formats;

/// <summary>Every format of the list, on every pattern of the catalogue.</summary>
public sealed class MaskFormatsTests
{
    public static TheoryData<string> Texts => MaskCases.ExamplesAndAlgebra;

    [Theory]
    [MemberData(nameof(Texts))]
    public void Every_format_gives_back_the_mask_or_refuses_one_that_it_cannot_hold(string text)
    {
        var pattern = MaskText.Parse(text);
        foreach (var extent in MaskCases.Extents(pattern))
        {
            CheckFormats(pattern.Bind(extent), new MaskFormatOptions { Tile = new TileShape(16, 16) }, text, new Random(5));
        }
    }

    [Fact]
    public void Random_masks_of_every_density_shape_and_sharing_survive_every_format()
    {
        for (var seed = 0; seed < 60; seed++)
        {
            var random = new Random(seed);
            var options = new MaskFormatOptions
            {
                Tile = new TileShape(8 * random.Next(1, 10), 8 * random.Next(1, 10)),
                BitOrder = (BitOrder)random.Next(2),
            };
            CheckFormats(RandomMask(random), options, $"seed {seed}", random);
        }
    }

    [Fact]
    public void Masks_that_differ_by_item_and_head_keep_their_slices_and_shared_ones_are_stored_once()
    {
        foreach (var (byBatch, byHead) in new[] { (true, true), (true, false), (false, true), (false, false) })
        {
            var extent = new MaskExtent(70, 90, 3, 2, PositionAlignment.TopLeft);
            var mask = new PredicateMask("drawn", (b, h, q, k) => k < q + 5 + (byBatch ? 3 * b : 0) + (byHead ? 7 * h : 0), byBatch, byHead).Bind(extent);
            foreach (var format in MaskFormats.Entries)
            {
                if (TryWrite(format, mask, MaskFormatOptions.Default) is not { } arrays)
                {
                    continue;
                }

                Assert.Equal([byBatch ? 3 : 1, byHead ? 2 : 1], arrays["slices"].Span<int>().ToArray());
                var back = format.Read(arrays);
                Assert.Equal(extent, back.Extent);
                Assert.Equal((byBatch, byHead), (back.VariesByBatch, back.VariesByHead));
                Assert.Equal(mask.ToDense().Bytes, back.ToDense().Bytes);
            }
        }
    }

    [Fact]
    public void The_decoded_mask_is_certain_on_tiles_that_are_full_or_empty()
    {
        var mask = MaskText.Parse("causal & sliding(100)").Bind(new MaskExtent(256, 256));
        foreach (var format in MaskFormats.Entries.Where(f => f.CannotHold.Length == 0 || f.Name is "flashmask" or "flashinfer" or "flashinfer_bsr"))
        {
            var back = format.Read(format.Write(mask, MaskFormatOptions.Default));
            for (var q = 0; q < 256; q += 64)
            {
                for (var k = 0; k < 256; k += 64)
                {
                    var rect = new MaskRect(q, q + 64, k, k + 64);
                    Assert.True(mask.Classify(0, 0, rect) == back.Classify(0, 0, rect), $"{format.Name} {rect}");
                }
            }
        }
    }

    [Fact]
    public void Lengths_beyond_any_square_cost_what_is_stored()
    {
        // Sq·Skv is 2³⁸: only builders and readers that do not visit it can finish.
        var extent = new MaskExtent(256, 1 << 30);
        var mask = MaskText.Parse("sliding(64)").Bind(extent);
        foreach (var name in new[] { "tiles", "stof_blocks", "rows", "row_intervals", "flashinfer_bsr" })
        {
            var format = MaskFormats.Find(name);
            var back = format.Read(format.Write(mask, MaskFormatOptions.Default));
            Assert.Equal(mask.Row64(0, 0, 200, (1 << 30) - 130), back.Row64(0, 0, 200, (1 << 30) - 130));
            Assert.Equal(TileClass.Empty, back.Classify(0, 0, new MaskRect(0, 256, 0, 1 << 29)));
        }

        var tall = MaskText.Parse("sliding(64)").Bind(new MaskExtent(1 << 30, 256));
        foreach (var name in new[] { "column_intervals", "flashmask" })
        {
            var format = MaskFormats.Find(name);
            var back = format.Read(format.Write(tall, MaskFormatOptions.Default));
            Assert.Equal(tall.Row64(0, 0, (1 << 30) - 10, 190), back.Row64(0, 0, (1 << 30) - 10, 190));
            Assert.Equal(TileClass.Empty, back.Classify(0, 0, new MaskRect(0, 1 << 29, 0, 256)));
        }
    }

    [Fact]
    public void No_format_can_be_taken_for_another()
    {
        Assert.Equal(MaskFormats.Entries.Count, MaskFormats.Entries.Select(f => f.Name).Distinct().Count());
        var mask = new FullMask().Bind(new MaskExtent(64, 64));
        foreach (var format in MaskFormats.Entries)
        {
            Assert.All(MaskFormats.Entries, other => Assert.Equal(other == format, other.Arrays.Contains(format.Key)));
            var arrays = format.Write(mask, MaskFormatOptions.Default);
            Assert.Equal(format.Arrays.Order(), arrays.Keys.Order());
            Assert.Same(format, MaskFormats.Detect(arrays));
            Assert.Same(format, MaskFormats.Find(format.Name));
        }

        Assert.Null(MaskFormats.Detect(new Dictionary<string, HostTensor> { ["x"] = HostTensor.From([1], 1) }));
        var both = MaskFormats.Find("rows").Write(mask, MaskFormatOptions.Default);
        both["layout"] = HostTensor.From([1L], 1, 1, 1);
        Assert.Contains("'col_idx' of rows beside 'layout' of xformers", Assert.Throws<InvalidInputException>(() => MaskFormats.Detect(both)).Message);
        Assert.Contains("one of tiles, ", Assert.Throws<InvalidInputException>(() => MaskFormats.Find("tile")).Message);
    }

    [Fact]
    public void Writing_a_mask_that_was_read_gives_the_same_arrays()
    {
        var options = new MaskFormatOptions { Tile = new TileShape(32, 32), BitOrder = BitOrder.Big };
        foreach (var text in new[] { "full", "empty", "causal & documents(20+30+14)", "local(32)" })
        {
            var mask = MaskText.Parse(text).Bind(new MaskExtent(64, 64));
            foreach (var format in MaskFormats.Entries)
            {
                if (TryWrite(format, mask, options) is { } arrays)
                {
                    foreach (var (name, tensor) in format.Write(format.Read(arrays), options))
                    {
                        Assert.Equal(arrays[name].ToString(), tensor.ToString());
                        Assert.True(arrays[name].Bytes.SequenceEqual(tensor.Bytes), $"{format.Name} {name} of {text}");
                    }
                }
            }
        }
    }

    private static Dictionary<string, HostTensor>? TryWrite(MaskFormat format, BoundMask mask, MaskFormatOptions options)
    {
        try
        {
            return format.Write(mask, options);
        }
        catch (InvalidInputException) when (format.CannotHold.Length > 0)
        {
            return null;
        }
    }

    private static void CheckFormats(BoundMask mask, MaskFormatOptions options, string what, Random random)
    {
        var dense = mask.ToDense();
        foreach (var format in MaskFormats.Entries)
        {
            var held = Representable.By(format.Name, mask, dense, options);
            var arrays = TryWrite(format, mask, options);
            Assert.True(held == arrays is not null, $"{format.Name} {(held ? "refuses" : "takes")} {what} on {mask.Extent}, tile {options.Tile}");
            if (arrays is null)
            {
                continue;
            }

            var back = format.Read(arrays);
            Assert.Equal(mask.Extent, back.Extent);
            if (!dense.Bytes.SequenceEqual(back.ToDense().Bytes))
            {
                Assert.Fail($"{format.Name} changes {what} on {mask.Extent}, tile {options.Tile}");
            }

            CheckReading(back, dense, $"{format.Name} of {what} on {mask.Extent}, tile {options.Tile}", random);
        }
    }

    /// <summary>The three questions agree with the bits: single pairs, sixty-four keys from anywhere, rectangles.</summary>
    private static void CheckReading(BoundMask back, HostTensor dense, string what, Random random)
    {
        var (queries, keys) = (back.Extent.QueryLength, back.Extent.KeyLength);
        if (queries == 0 || keys == 0)
        {
            return;
        }

        for (var sample = 0; sample < 8; sample++)
        {
            var (batch, head) = (random.Next(back.Extent.Batch), random.Next(back.Extent.Heads));
            var (query, key) = (random.Next(queries), random.Next(keys));
            var row = back.Row64(batch, head, query, key);
            for (var i = 0; i < 64; i++)
            {
                var expected = key + i < keys && Pair(query, key + i);
                if (expected != (((row >> i) & 1) != 0) || (key + i < keys && expected != back.Allows(batch, head, query, key + i)))
                {
                    Assert.Fail($"{what}: b{batch} h{head} q{query} k{key}+{i} is {expected}");
                }
            }

            var rect = new MaskRect(
                query, Math.Min(query + random.Next(1, 30), queries), key, Math.Min(key + random.Next(1, 100), keys));
            var known = back.Classify(batch, head, rect);
            if (known != TileClass.Part)
            {
                for (var i = 0; i < (rect.QueryEnd - query) * (rect.KeyEnd - key); i++)
                {
                    var (q, k) = (query + (i / (rect.KeyEnd - key)), key + (i % (rect.KeyEnd - key)));
                    if (Pair(q, k) != (known == TileClass.Full))
                    {
                        Assert.Fail($"{what}: {rect} is not {known} at q{q} k{k}");
                    }
                }
            }

            bool Pair(int q, int k) => Representable.Pair(dense, batch, head, q, k);
        }
    }

    /// <summary>Runs of bits, so that full and empty tiles occur; sometimes different by item or head.</summary>
    private static BoundMask RandomMask(Random random)
    {
        var extent = new MaskExtent(
            random.Next(150), random.Next(150), random.Next(1, 4), random.Next(1, 4), (PositionAlignment)random.Next(2));
        var (byBatch, byHead) = (random.Next(3) == 0, random.Next(3) == 0);
        var density = random.NextDouble();
        var length = 1 + random.Next(80);
        var bits = new bool[byBatch ? extent.Batch : 1, byHead ? extent.Heads : 1, extent.QueryLength, extent.KeyLength];
        var byColumn = random.Next(2) == 0;
        for (var slice = 0; slice < bits.GetLength(0) * bits.GetLength(1); slice++)
        {
            var (b, h) = Math.DivRem(slice, bits.GetLength(1));
            var value = false;
            for (var i = 0; i < extent.QueryLength * extent.KeyLength; i++)
            {
                value = random.Next(length) == 0 ? random.NextDouble() < density : value;
                var (q, k) = byColumn ? (i % extent.QueryLength, i / extent.QueryLength) : (i / extent.KeyLength, i % extent.KeyLength);
                bits[b, h, q, k] = value;
            }
        }

        return new PredicateMask("drawn", (b, h, q, k) => bits[byBatch ? b : 0, byHead ? h : 0, q, k], byBatch, byHead).Bind(extent);
    }
}
