using System.Buffers.Binary;
using System.IO.Compression;
using System.Text;
using Stof.Reference.Formats;
using Stof.Reference.Interchange;
using Stof.Reference.Masks;
using Stof.Reference.Numerics;
using Stof.Reference.Tensors;

namespace Stof.Reference.Unit.Tests.Formats;

/// <summary>What every format refuses, and that the message names the array and the rule. Tile lists have tests of their own.</summary>
public sealed class MaskFormatDamageTests
{
    public static TheoryData<string> Formats => [.. MaskFormats.Entries.Select(f => f.Name)];

    // causal at 40×40; lengths of 37 where bits are packed, so that the last byte is cut; blocks that a layout or sequences can hold.
    private static Dictionary<string, HostTensor> Good(string format)
    {
        var (text, length) = format switch
        {
            "xformers" => ("local(16)", 48),
            "cu_seqlens" => ("causal & documents(5+11+24)", 40),
            "bits" or "flashinfer" => ("causal", 37),
            _ => ("causal", 40),
        };
        return MaskFormats.Find(format).Write(MaskText.Parse(text).Bind(new MaskExtent(length, length)), new MaskFormatOptions { Tile = new TileShape(16, 16) });
    }

    public static TheoryData<string, string, int, int, string> Edits => new()
    {
        { "rows", "row_ptr", 0, 1, "row_ptr[0]: 1; expected 0" },
        { "rows", "row_ptr", 2, 0, "row_ptr[2]: 0; expected 1 or more" },
        { "rows", "row_ptr", 40, 821, "row_ptr[40]: 821; expected 820, the length of col_idx" },
        { "rows", "col_idx", 0, -1, "col_idx[0]: -1; expected 0 to 39, ascending in row 0" },
        { "rows", "col_idx", 819, 40, "col_idx[819]: 40; expected 39 to 39" },
        { "rows", "col_idx", 5, 1, "col_idx[5]: 1; expected 2 to 39, ascending in row 2" },
        { "rows", "col_idx", 4, 0, "col_idx[4]: 0; expected 1 to 39, ascending in row 2" },
        { "rows", "extent", 0, 41, "row_ptr: 41 entries; expected 42, one a query and one more" },
        { "rows", "extent", 4, 2, "extent[4]: 2; expected 0 for bottom-right or 1 for top-left" },
        { "rows", "extent", 1, -1, "KeyLength: -1" },
        { "rows", "extent", 1, 39, "col_idx[819]: 39; expected 39 to 38" },
        { "rows", "slices", 0, 2, "slices[0]: 2; expected 1 or the batch of 1" },
        { "rows", "slices", 1, 0, "slices: 1, 0; expected 1 or more" },
        { "row_intervals", "interval_row_ptr", 0, 1, "interval_row_ptr[0]: 1; expected 0" },
        { "row_intervals", "interval_row_ptr", 3, 1, "interval_row_ptr[3]: 1; expected 2 or more" },
        { "row_intervals", "interval_row_ptr", 40, 41, "interval_row_ptr[40]: 41; expected 40, the length of interval_keys" },
        { "row_intervals", "interval_keys", 0, 1, "interval_keys[0, 1]: 1; expected more than the start 1 and at most 40" },
        { "row_intervals", "interval_keys", 0, -1, "interval_keys[0, 0]: -1; expected 0 or more" },
        { "row_intervals", "interval_keys", 79, 41, "interval_keys[39, 1]: 41; expected more than the start 0 and at most 40" },
        { "column_intervals", "interval_col_ptr", 1, -1, "interval_col_ptr[1]: -1; expected 0 or more" },
        { "column_intervals", "interval_queries", 1, 0, "interval_queries[0, 1]: 0; expected more than the start 0 and at most 40" },
        { "column_intervals", "interval_queries", 1, 41, "interval_queries[0, 1]: 41; expected more than the start 0 and at most 40" },
        { "bits", "bit_order", 0, 2, "bit_order[0]: 2; expected 0 for little (least significant bit first) or 1 for big" },
        { "bits", "extent", 1, 36, "mask_bits: 0x1F at the end of row 36; expected no bit of 0xF0, past the last key" },
        { "bits", "extent", 0, 36, "mask_bits: U8[1, 1, 37, 5]; expected U8[1, 1, 36, 5]" },
        { "flashmask", "causal", 0, 0, "startend_row_indices: I32[1, 1, 40, 1] with causal 0; expected a last extent of 2 (LTS, UTE) or 4" },
        { "flashmask", "causal", 0, 2, "causal[0]: 2; expected 0 or 1" },
        { "flashmask", "startend_row_indices", 7, 41, "startend_row_indices[0, 0, 7, 0]: 41; expected 0 to 40" },
        { "flashmask", "startend_row_indices", 7, -1, "startend_row_indices[0, 0, 7, 0]: -1; expected 0 to 40" },
        { "flex", "kv_num_blocks", 0, 4, "kv_num_blocks, row 0: 4; expected 0 to 3, the width of kv_indices" },
        { "flex", "kv_num_blocks", 0, -1, "kv_num_blocks, row 0: -1" },
        { "flex", "kv_num_blocks", 0, 2, "stof_part_bitmaps: 5 tiles; expected 6, the sum of kv_num_blocks" },
        { "flex", "kv_indices", 0, 3, "kv_indices, row 0, entry 0: 3; expected 0 to 2, ascending" },
        { "flex", "kv_indices", 7, 0, "kv_indices, row 2, entry 1: 0; expected 1 to 2, ascending" },
        { "flex", "kv_indices", 3, 0, "full_kv_indices: tile 0 in row 1; expected a tile that is not in kv_indices too" },
        { "flex", "full_kv_indices", 3, 2, "full_kv_indices: tile 2 in row 1; expected a part tile, as the edge cuts it" },
        { "flex", "full_kv_num_blocks", 0, 1, "full_kv_indices: tile 0 in row 0; expected a tile that is not in kv_indices too" },
        { "flex", "block_size", 0, 12, "block_size: 12x16; expected multiples of 8" },
        { "flex", "block_size", 0, 32, "kv_indices: I32[1, 1, 3, 3]; expected I32[1, 1, 2, n]" },
        { "flashinfer", "qo_indptr", 0, 1, "qo_indptr[0]: 1; expected 0" },
        { "flashinfer", "qo_indptr", 1, 38, "qo_indptr[1]: 38 queries; expected at most 37" },
        { "flashinfer", "qo_indptr", 1, -1, "qo_indptr[1]: -1; expected 0 or more" },
        { "flashinfer", "qo_indptr", 1, 36, "mask_indptr[1]: 172 bytes; expected 167 for 36x37 pairs" },
        { "flashinfer", "kv_indptr", 1, 38, "kv_indptr[1]: 38 keys; expected at most 37" },
        { "flashinfer", "mask_indptr", 1, 171, "mask_indptr[1]: 171; expected 172, the length of packed_custom_mask" },
        { "flashinfer", "bit_order", 0, -1, "bit_order[0]: -1" },
        { "flashinfer", "bit_order", 0, 1, "packed_custom_mask[171]: a bit past the last pair of its segment; expected no bit of 0x7F" },
        { "flashinfer_bsr", "indptr", 1, 4, "indptr[2]: 3; expected 4 or more" },
        { "flashinfer_bsr", "indptr", 3, 5, "indptr[3]: 5; expected 6, the length of indices" },
        { "flashinfer_bsr", "indices", 0, 3, "indices[0]: 3; expected 0 to 2, ascending in block row 0" },
        { "flashinfer_bsr", "indices", 4, 0, "indices[4]: 0; expected 1 to 2, ascending in block row 2" },
        { "flashinfer_bsr", "extent", 1, 39, "bsr_mask[5, 7, 7]: true; expected false past the last query or key" },
        { "flashinfer_bsr", "block_size", 1, 8, "bsr_mask: Bool[6, 16, 16]; expected Bool[6, 16, 8]" },
        { "xformers", "block", 0, 12, "block[0]: 12; expected a multiple of 8" },
        { "xformers", "block", 0, 32, "48 queries and 48 keys; expected multiples of the block of 32" },
        { "xformers", "block", 0, 8, "layout: I64[1, 3, 3]; expected I64[1, 6, 6]" },
        { "xformers", "extent", 0, 64, "layout: I64[1, 3, 3]; expected I64[1, 4, 3]" },
        { "cu_seqlens", "q_seqstart", 0, 1, "q_seqstart[0]: 1; expected 0" },
        { "cu_seqlens", "q_seqstart", 2, 4, "q_seqstart[2]: 4; expected 5 or more" },
        { "cu_seqlens", "q_seqstart", 3, 39, "q_seqstart[3]: 39; expected 40, the length of the queries" },
        { "cu_seqlens", "k_seqstart", 3, 41, "k_seqstart[3]: 41; expected 40, the length of the keys" },
        { "cu_seqlens", "causal", 0, 3, "causal[0]: 3; expected 0 for all pairs, 1 for causal from the top left, 2" },
        { "stof_blocks", "part_row_ptr", 3, 6, "part_row_ptr[3]: 6; expected 5" },
        { "stof_blocks", "load_col_idx", 0, 1, "load_col_idx[0]: 1; expected 0 from the full and part tiles of row 0" },
        { "dense", "extent", 0, 39, "mask: Bool[1, 1, 40, 40]; expected Bool[1, 1, 39, 40]" },
    };

    [Theory]
    [MemberData(nameof(Edits))]
    public void Every_broken_entry_is_refused_by_array_and_rule(string format, string array, int index, int value, string message)
    {
        var arrays = Good(format);
        arrays[array].Span<int>()[index] = value;
        Assert.Contains(message, Refusal(format, arrays));
    }

    [Fact]
    public void Other_dtypes_break_rules_too()
    {
        var layout = Good("xformers");
        layout["layout"].Span<long>()[4] = 2;
        Assert.Contains("layout: 2 at [0, 1, 1]; expected 0 or 1", Refusal("xformers", layout));
        var bits = Good("bits");
        bits["mask_bits"].Span<byte>()[4] = 0x20;
        Assert.Contains("mask_bits: 0x20 at the end of row 0; expected no bit of 0xE0, past the last key", Refusal("bits", bits));
        var blocks = Good("stof_blocks");
        blocks["part_block_mask"].Span<Half>()[17] = (Half)1;
        Assert.Contains("part_block_mask[0, 1, 1]: 1; expected 0 (allowed) or -10000 (masked)", Refusal("stof_blocks", blocks));
        blocks["part_block_mask"].Span<Half>()[17] = Half.NegativeInfinity;
        Assert.Contains("part_block_mask[0, 1, 1]: -Infinity", Refusal("stof_blocks", blocks));
        var flex = Good("flex");
        flex["stof_part_bitmaps"].Span<ulong>()[17] = 1;
        Assert.Contains("stof_part_bitmaps[17]: 0x0000000000000001; expected no bit outside 0x0000000000000000", Refusal("flex", flex));
        var segments = Good("flashinfer");
        segments["packed_custom_mask"].Span<byte>()[171] = 3;
        Assert.Contains("packed_custom_mask[171]", Refusal("flashinfer", segments));
    }

    [Fact]
    public void Runs_that_touch_overlap_or_turn_back_are_refused()
    {
        var arrays = Good("row_intervals");
        arrays["interval_row_ptr"] = HostTensor.From([.. Enumerable.Repeat(0, 40), 2], 41);
        foreach (var (first, second, message) in new[]
        {
            ((0, 5), (5, 9), "interval_keys[1, 0]: 5; expected 6 or more, past the run before in row 39"),
            ((0, 5), (3, 9), "interval_keys[1, 0]: 3; expected 6 or more"),
            ((7, 9), (0, 5), "interval_keys[1, 0]: 0; expected 10 or more"),
        })
        {
            arrays["interval_keys"] = HostTensor.From([first.Item1, first.Item2, second.Item1, second.Item2], 2, 2);
            Assert.Contains(message, Refusal("row_intervals", arrays));
        }
    }

    [Fact]
    public void FlashMask_refuses_other_widths_and_types_and_ends_before_starts()
    {
        var arrays = Good("flashmask");
        foreach (var (causal, bounds) in new[] { (1, 3), (0, 3), (1, 4), (0, 1), (1, 0) })
        {
            arrays["causal"].Span<int>()[0] = causal;
            arrays["startend_row_indices"] = HostTensor.Zeros(DType.I32, 1, 1, 40, bounds);
            Assert.Contains($"I32[1, 1, 40, {bounds}] with causal {causal}; expected a last extent of", Refusal("flashmask", arrays));
        }

        arrays["startend_row_indices"] = HostTensor.Zeros(DType.I64, 1, 1, 40, 2);
        Assert.Contains("startend_row_indices: I64[1, 1, 40, 2]; expected I32[1, 1, 40, n]", Refusal("flashmask", arrays));
        foreach (var (causal, bounds, index) in new[] { (1, 2, 1), (0, 4, 1), (0, 4, 3) })
        {
            arrays["causal"].Span<int>()[0] = causal;
            var tensor = HostTensor.Zeros(DType.I32, 1, 1, 40, bounds);
            tensor.Span<int>()[index - 1] = 9;
            tensor.Span<int>()[index] = 8;
            arrays["startend_row_indices"] = tensor;
            Assert.Contains($"startend_row_indices[0, 0, 0, {index}]: 8; expected 9 or more, the start before it", Refusal("flashmask", arrays));
        }

        // LTS and UTE are no pair: masked runs that overlap mask everything.
        arrays["causal"].Span<int>()[0] = 0;
        var overlap = HostTensor.Zeros(DType.I32, 1, 1, 40, 2);
        overlap.Span<int>()[1] = 20;
        arrays["startend_row_indices"] = overlap;
        Assert.False(MaskFormats.Find("flashmask").Read(arrays).Allows(0, 0, 30, 0));
    }

    [Fact]
    public void Formats_without_heads_or_items_refuse_slices_of_them()
    {
        foreach (var (format, batch, heads, name) in new[]
        {
            ("flashinfer", 1, 2, "slices[1]: 2"), ("flashinfer_bsr", 2, 1, "slices: 2, 1"), ("flashinfer_bsr", 1, 2, "slices: 1, 2"),
            ("xformers", 2, 1, "slices[0]: 2"), ("cu_seqlens", 2, 1, "slices: 2, 1"), ("cu_seqlens", 1, 2, "slices: 1, 2"),
        })
        {
            var arrays = Good(format);
            (arrays["extent"].Span<int>()[2], arrays["extent"].Span<int>()[3]) = (batch, heads);
            (arrays["slices"].Span<int>()[0], arrays["slices"].Span<int>()[1]) = (batch, heads);
            Assert.Contains(name, Refusal(format, arrays));
        }
    }

    [Theory]
    [MemberData(nameof(Formats))]
    public void Missing_unknown_mistyped_and_misshapen_arrays_are_refused(string format)
    {
        foreach (var name in Good(format).Keys)
        {
            var missing = Good(format);
            missing.Remove(name);
            Assert.Contains($"no array '{name}'", Refusal(format, missing));

            // The types of the real ones and no other, whatever the values.
            var mistyped = Good(format);
            mistyped[name] = HostTensor.Zeros(DType.F64, mistyped[name].Shape);
            Assert.StartsWith($"{name}: F64[", Refusal(format, mistyped));
            var wide = Good(format);
            wide[name] = HostTensor.Zeros(wide[name].Type == DType.I64 ? DType.I32 : DType.I64, wide[name].Shape);
            Assert.StartsWith($"{name}: I", Refusal(format, wide));
            var deep = Good(format);
            deep[name] = deep[name].Reshaped([1, .. deep[name].Shape]);
            Assert.StartsWith($"{name}: {deep[name]}; expected ", Refusal(format, deep));
        }

        var unknown = Good(format);
        unknown["more"] = HostTensor.Zeros(DType.I32, 1);
        Assert.Contains("unknown array 'more'", Refusal(format, unknown));
    }

    [Theory]
    [MemberData(nameof(Formats))]
    public void Random_damage_is_refused_as_bad_input_or_leaves_a_mask_that_can_be_read(string format)
    {
        for (var seed = 0; seed < 600; seed++)
        {
            var random = new Random(seed);
            var arrays = Good(format);
            var names = arrays.Where(a => a.Value.Count > 0).Select(a => a.Key).ToArray();
            for (var edit = random.Next(3); edit >= 0; edit--)
            {
                var tensor = arrays[names[random.Next(names.Length)]];
                tensor.Bytes[random.Next(tensor.Bytes.Length)] = (byte)random.Next(tensor.Type == DType.Bool ? 2 : 256);
            }

            try
            {
                var mask = MaskFormats.Find(format).Read(arrays);
                if ((long)mask.Extent.QueryLength * mask.Extent.KeyLength * mask.Extent.Batch * mask.Extent.Heads < 1 << 20)
                {
                    Assert.NotNull(mask.ToDense());
                }
            }
            catch (InvalidInputException)
            {
            }
            catch (Exception exception) when (exception is not Xunit.Sdk.XunitException)
            {
                Assert.Fail($"{format}, seed {seed}: {exception}");
            }
        }
    }

    [Theory]
    [MemberData(nameof(Formats))]
    public void Files_of_either_byte_order_read_the_same(string format)
    {
        var arrays = Good(format);
        using var file = new MemoryStream();
        using (var zip = new ZipArchive(file, ZipArchiveMode.Create, leaveOpen: true))
        {
            foreach (var (name, tensor) in arrays)
            {
                using var member = zip.CreateEntry(name + ".npy").Open();
                member.Write(BigEndianNpy(tensor));
            }
        }

        file.Position = 0;
        var entry = MaskFormats.Find(format);
        Assert.Equal(entry.Read(arrays).ToDense().Bytes, entry.Read(NpzArchive.Read(file, "big.npz")).ToDense().Bytes);
    }

    private static string Refusal(string format, Dictionary<string, HostTensor> arrays) =>
        Assert.Throws<InvalidInputException>(() => MaskFormats.Find(format).Read(arrays)).Message;

    private static byte[] BigEndianNpy(HostTensor tensor)
    {
        var size = tensor.Type.Size();
        var type = tensor.Type switch
        {
            DType.Bool => "|b1",
            DType.U8 => "|u1",
            DType.F16 => ">f2",
            DType.U64 => ">u8",
            DType.I64 => ">i8",
            _ => ">i4",
        };
        var text = $"{{'descr': '{type}', 'fortran_order': False, 'shape': ({string.Join(", ", tensor.Shape.ToArray())},), }}\n";
        var bytes = new byte[10 + text.Length + tensor.Bytes.Length];
        ReadOnlySpan<byte> magic = [0x93, (byte)'N', (byte)'U', (byte)'M', (byte)'P', (byte)'Y', 1, 0];
        magic.CopyTo(bytes);
        BinaryPrimitives.WriteUInt16LittleEndian(bytes.AsSpan(8), (ushort)text.Length);
        Encoding.ASCII.GetBytes(text, bytes.AsSpan(10));
        var data = bytes.AsSpan(10 + text.Length);
        tensor.Bytes.CopyTo(data);
        for (var i = 0; i < data.Length; i += size)
        {
            data.Slice(i, size).Reverse();
        }

        return bytes;
    }
}
