using System.Collections.Frozen;

namespace Stof.Reference.Masks;

/// <summary>
/// Every pattern that has a text and a JSON form. A new pattern is one file with a <see cref="NamedMask"/> and its
/// <see cref="MaskEntry"/>, one name here and one test of its formula; tests, help and gallery walk this list.
/// </summary>
public static class MaskCatalog
{
    /// <summary>All entries, from the plain to the involved.</summary>
    public static IReadOnlyList<MaskEntry> Entries { get; } =
    [
        FullMask.Entry,
        EmptyMask.Entry,
        CausalMask.Entry,
        SlidingMask.Entry,
        WindowMask.Entry,
        DilatedMask.Entry,
        StridedMask.Entry,
        FixedMask.Entry,
        LogSparseMask.Entry,
        LocalMask.Entry,
        PrefixMask.Entry,
        StreamingMask.Entry,
        BlockPrefixMask.Entry,
        DocumentsMask.Entry,
        BottleneckMask.Entry,
        GroupsMask.Entry,
        TreeMask.Entry,
        LongformerMask.Entry,
        BigBirdMask.Entry,
        StofCellsMask.Entry,
        RandomBlocksMask.Entry,
        NeighbourhoodMask.Entry,
        Dilated2DMask.Entry,
        SwinMask.Entry,
        TokenTopKMask.Entry,
        BlockTopKMask.Entry,
        DiscardMask.Entry,
        DenseMask.Entry,
        HeadSwitchMask.Entry,
        ShiftMask.Entry,
        TransposeMask.Entry,
        RestrictMask.Entry,
        AlignMask.Entry,
        HeadsMask.Entry,
        BatchMask.Entry,
    ];

    private static readonly FrozenDictionary<string, MaskEntry> ByName = Entries.ToFrozenDictionary(e => e.Name);

    /// <summary>Finds an entry by its exact name.</summary>
    /// <exception cref="InvalidInputException">There is none; the message lists the names.</exception>
    public static MaskEntry Find(string name) =>
        ByName.GetValueOrDefault(name)
        ?? throw new InvalidInputException("mask", $"unknown pattern '{name}'", $"one of {string.Join(", ", Entries.Select(e => e.Name))}");
}
