using Stof.Reference.Masks;

namespace Stof.Reference.Formats;

/// <summary>What the masks that read a stored form share: which slices there are.</summary>
internal abstract class SlicedMask(MaskSlices slices) : BoundMask(slices.Extent)
{
    public sealed override bool VariesByBatch => Slices.Batch > 1;

    public sealed override bool VariesByHead => Slices.Heads > 1;

    /// <summary>The stored slices.</summary>
    protected MaskSlices Slices { get; } = slices;
}
