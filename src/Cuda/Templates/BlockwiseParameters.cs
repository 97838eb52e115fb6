using Stof.Reference.Cuda.Ptx;
using Stof.Reference.Formats;
using Stof.Reference.Numerics;

namespace Stof.Reference.Cuda.Templates;

/// <summary>Parameters of a block-wise attention kernel; a launch sets them by the names given here.</summary>
internal sealed class BlockwiseParameters(KernelBuilder b, BlockwiseAttentionSpec spec)
{
    /// <summary>Size of a <see cref="Formats.TileWorkItem"/>.</summary>
    public const int ItemBytes = 32;

    /// <summary>Q.</summary>
    public TensorParameters Q { get; } = new(b, "q");

    /// <summary>K.</summary>
    public TensorParameters K { get; } = new(b, "k");

    /// <summary>V.</summary>
    public TensorParameters V { get; } = new(b, "v");

    /// <summary>O.</summary>
    public TensorParameters O { get; } = new(b, "o");

    /// <summary>What each block does (<see cref="Formats.TileWorkItem"/>), heaviest first.</summary>
    public B64 Items { get; } = b.Parameter<B64>("items");

    /// <summary>int32: tile column of each entry.</summary>
    public B64 LoadColumns { get; } = b.Parameter<B64>("load_col_idx");

    /// <summary>int32: bitmap of each entry, −1 for a full tile.</summary>
    public B64 LoadParts { get; } = b.Parameter<B64>("load_part_idx");

    /// <summary>Bitmaps in fragment order (<see cref="FragmentBits"/>).</summary>
    public B64 Bits { get; } = b.Parameter<B64>("bits");

    /// <summary>Sq.</summary>
    public B32 Queries { get; } = b.Parameter<B32>("queries");

    /// <summary>Skv.</summary>
    public B32 Keys { get; } = b.Parameter<B32>("keys");

    /// <summary>Hq.</summary>
    public B32 Heads { get; } = b.Parameter<B32>("heads");

    /// <summary>How scores are made.</summary>
    public ScoreParameters Scores { get; } = new(b, spec.Bias, spec.HasSoftcap || !spec.HasPositiveScale, spec.HasSoftcap);

    /// <summary>Sinks and LSE.</summary>
    public ResultParameters Result { get; } = new(b, spec.HasSinks, spec.StoresLogSumExp);

    /// <summary>Where the states of cut tile rows go; null where none is cut.</summary>
    public SplitParts? Parts { get; } = spec.IsSplit ? new SplitParts(b, new RowAccess(DType.F32, spec.ValueSize, 1, 2)) : null;
}
