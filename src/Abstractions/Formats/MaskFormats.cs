using System.Collections.Frozen;
using Stof.Reference.Formats.Peers;
using Stof.Reference.Tensors;

namespace Stof.Reference.Formats;

/// <summary>
/// Every form in which a mask is stored as arrays. A new format is one file with its type and one line here; conversions, detection by
/// array names, and the tests that walk this list then know it. Every format carries <c>extent</c> I32 [5] (Sq, Skv, batch, heads, 0
/// bottom-right or 1 top-left) and <c>slices</c> I32 [2] (batch or 1, heads or 1), so that its arrays can be read alone.
/// </summary>
public static class MaskFormats
{
    /// <summary>All formats: ours first, then those of other libraries.</summary>
    public static IReadOnlyList<MaskFormat> Entries { get; } =
    [
        new("tiles", "STOF's two levels: full and part tiles, 8x8 bitmaps of part tiles", "",
            "bitmap_mask", BlockMaskArrays.Names,
            (mask, options) => BlockMaskBuilder.Build(mask, options.Tile).ToArrays(), arrays => BlockMaskArrays.FromArrays(arrays).AsMask()),
        new("stof_blocks", "STOF's older level: the same tiles, part tiles as additive F16 squares", "",
            "part_block_mask", StofBlocks.Names,
            (mask, options) => StofBlocks.Build(mask, options.Tile).ToArrays(), arrays => StofBlocks.FromArrays(arrays).AsMask()),
        new("rows", "the keys of every query (compressed sparse rows)", "",
            "col_idx", RowLists.Names, (mask, _) => RowLists.Build(mask).ToArrays(), arrays => RowLists.FromArrays(arrays).AsMask()),
        new("row_intervals", "runs of keys of every query", "",
            "interval_keys", RowIntervals.Names, (mask, _) => RowIntervals.Build(mask).ToArrays(), arrays => RowIntervals.FromArrays(arrays).AsMask()),
        new("column_intervals", "runs of queries of every key", "",
            "interval_queries", ColumnIntervals.Names,
            (mask, _) => ColumnIntervals.Build(mask).ToArrays(), arrays => ColumnIntervals.FromArrays(arrays).AsMask()),
        new("bits", "one bit a pair, rows of whole bytes, as numpy.packbits", "",
            "mask_bits", BitRows.Names, (mask, options) => BitRows.Build(mask, options.BitOrder).ToArrays(), arrays => BitRows.FromArrays(arrays).AsMask()),
        new("dense", "one bool a pair", "",
            DenseArrays.Mask, DenseArrays.Names, (mask, _) => DenseArrays.ToArrays(mask), DenseArrays.FromArrays),
        new("flex", "FlexAttention's BlockMask, and the bits of its part tiles", "",
            "kv_indices", FlexBlockMask.Names,
            (mask, options) => FlexBlockMask.Build(mask, options.Tile).ToArrays(), arrays => FlexBlockMask.FromArrays(arrays).AsMask()),
        new("flashmask", "PaddlePaddle FlashMask: bounds of the masked queries of every key", "more masked runs of a key than two",
            "startend_row_indices", FlashMask.Names,
            (mask, options) => FlashMask.Build(mask, options.Causal).ToArrays(), arrays => FlashMask.FromArrays(arrays).AsMask()),
        new("flashinfer", "FlashInfer's packed custom mask: ragged segments of bits", "masks that differ by head",
            "packed_custom_mask", FlashInferMask.Names,
            (mask, options) => FlashInferMask.Build(mask, options.BitOrder).ToArrays(), arrays => FlashInferMask.FromArrays(arrays).AsMask()),
        new("flashinfer_bsr", "FlashInfer's block-sparse rows with a square of bools a block", "masks that differ by batch item or head",
            "bsr_mask", FlashInferBlocks.Names,
            (mask, options) => FlashInferBlocks.Build(mask, options.Tile).ToArrays(), arrays => FlashInferBlocks.FromArrays(arrays).AsMask()),
        new("xformers", "block layout of xFormers, DeepSpeed and Triton: 0 or 1 a square tile",
            "a tile with allowed and masked pairs, lengths that are no multiple of the tile, masks that differ by batch item",
            "layout", BlockLayout.Names,
            (mask, options) => BlockLayout.Build(mask, options.Tile).ToArrays(), arrays => BlockLayout.FromArrays(arrays).AsMask()),
        new("cu_seqlens", "packed sequences, whole or causal: xFormers' block-diagonal masks, FlashAttention's varlen",
            "what is not block diagonal, masks that differ by batch item or head",
            "q_seqstart", SequenceStarts.Names,
            (mask, options) => SequenceStarts.Build(mask, options.Causal).ToArrays(), arrays => SequenceStarts.FromArrays(arrays).AsMask()),
    ];

    private static readonly FrozenDictionary<string, MaskFormat> ByName = Entries.ToFrozenDictionary(e => e.Name);

    /// <summary>Finds a format by its exact name.</summary>
    /// <exception cref="InvalidInputException">There is none; the message lists the names.</exception>
    public static MaskFormat Find(string name) =>
        ByName.GetValueOrDefault(name)
        ?? throw new InvalidInputException("mask format", $"'{name}'", $"one of {string.Join(", ", Entries.Select(e => e.Name))}");

    /// <summary>The format of some arrays, or null if they are of none.</summary>
    /// <exception cref="InvalidInputException">The arrays are of two formats.</exception>
    public static MaskFormat? Detect(IReadOnlyDictionary<string, HostTensor> arrays)
    {
        ArgumentNullException.ThrowIfNull(arrays);
        var found = Entries.Where(e => arrays.ContainsKey(e.Key)).ToArray();
        return found.Length < 2 ? found.SingleOrDefault() : throw new InvalidInputException(
            "mask arrays", $"'{found[0].Key}' of {found[0].Name} beside '{found[1].Key}' of {found[1].Name}", "the arrays of one format");
    }
}
