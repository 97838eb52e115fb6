using Stof.Reference.Numerics;
using Stof.Reference.Operators;

namespace Stof.Reference.OpenCL.Execution.Attention;

/// <summary>How a bias reaches a kernel.</summary>
public enum BiasForm
{
    /// <summary>There is none.</summary>
    None,

    /// <summary>One value for each head and k − q.</summary>
    ByDistance,

    /// <summary>One value for each pair.</summary>
    ByPair,
}

/// <summary>What every attention kernel is specialised for; the names are those that the kernel files use.</summary>
public record AttentionParameters
{
    /// <summary>Type of the tensors.</summary>
    public DType Type { get; init; } = DType.F32;

    /// <summary>Floats of a vector; 1 on a GPU.</summary>
    public int Lanes { get; init; } = 16;

    /// <summary>True to use the device's own power of two.</summary>
    public bool FastExp2 { get; init; }

    /// <summary>How a bias is given.</summary>
    public BiasForm Bias { get; init; }

    /// <summary>True if scores are capped.</summary>
    public bool HasSoftcap { get; init; }

    /// <summary>The form of a problem's bias.</summary>
    internal static BiasForm FormOf(AttentionProblem problem) => problem.Bias switch
    {
        null => BiasForm.None,
        AlibiBias or RelativeBias => BiasForm.ByDistance,
        _ => BiasForm.ByPair,
    };
}

/// <summary>Parameters of attention_merge.cl.</summary>
public sealed record MergeParameters : AttentionParameters
{
    /// <summary>Work-items that merge a row together.</summary>
    public int RowItems { get; init; } = 1;
}

/// <summary>Parameters of attention_blockwise_lanes.cl.</summary>
public sealed record BlockwiseLanesParameters : AttentionParameters
{
    /// <summary>Vectors of queries that a work-item computes.</summary>
    public int Vectors { get; init; } = 2;
}
