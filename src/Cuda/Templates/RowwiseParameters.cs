using Stof.Reference.Cuda.Ptx;
using Stof.Reference.Numerics;

namespace Stof.Reference.Cuda.Templates;

/// <summary>Parameters of a row-wise attention kernel; a launch sets them by the names given here.</summary>
internal sealed class RowwiseParameters
{
    public RowwiseParameters(KernelBuilder b, RowwiseAttentionSpec spec, RowAccess valueRow)
    {
        Q = new TensorParameters(b, "q");
        K = new TensorParameters(b, "k");
        V = new TensorParameters(b, "v");
        O = new TensorParameters(b, "o");
        LoadRows = b.Parameter<B64>("load_row_ptr");
        LoadColumns = b.Parameter<B64>("load_col_idx");
        LoadParts = b.Parameter<B64>("load_part_idx");
        Bitmaps = b.Parameter<B64>("bitmaps");
        Queries = b.Parameter<B32>("queries");
        Heads = b.Parameter<B32>("heads");
        GroupSize = b.Parameter<B32>("heads_per_kv_head");
        MaskBatchStride = b.Parameter<B32>("mask_batch_stride");
        MaskHeadStride = b.Parameter<B32>("mask_head_stride");
        Scores = new ScoreParameters(b, spec.Bias, spec.HasSoftcap, spec.HasSoftcap);
        if (spec.IsSplit)
        {
            Splits = b.Parameter<B32>("splits");
            Parts = new SplitParts(b, valueRow with { Type = DType.F32 });
        }
        else
        {
            Result = new ResultParameters(b, spec.HasSinks, spec.StoresLogSumExp);
        }
    }

    /// <summary>Q.</summary>
    public TensorParameters Q { get; }

    /// <summary>K.</summary>
    public TensorParameters K { get; }

    /// <summary>V.</summary>
    public TensorParameters V { get; }

    /// <summary>O.</summary>
    public TensorParameters O { get; }

    /// <summary>int32: first entry of each tile row.</summary>
    public B64 LoadRows { get; }

    /// <summary>int32: tile column of each entry.</summary>
    public B64 LoadColumns { get; }

    /// <summary>int32: bitmap of each entry, −1 for a full tile.</summary>
    public B64 LoadParts { get; }

    /// <summary>Words of the part tiles.</summary>
    public B64 Bitmaps { get; }

    /// <summary>Sq.</summary>
    public B32 Queries { get; }

    /// <summary>Hq.</summary>
    public B32 Heads { get; }

    /// <summary>Query heads that share a KV head.</summary>
    public B32 GroupSize { get; }

    /// <summary>Tile rows between the masks of two batch items; 0 where they share one.</summary>
    public B32 MaskBatchStride { get; }

    /// <summary>Tile rows between the masks of two heads; 0 where they share one.</summary>
    public B32 MaskHeadStride { get; }

    /// <summary>How scores are made.</summary>
    public ScoreParameters Scores { get; }

    /// <summary>Where the states of ranges go; null where there is one range.</summary>
    public SplitParts? Parts { get; }

    /// <summary>Number of ranges; only where there are parts.</summary>
    public B32 Splits { get; }

    /// <summary>Sinks and LSE; empty for a kernel that stores states.</summary>
    public ResultParameters Result { get; } = ResultParameters.None;
}
