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

/// <summary>Parameters of attention.cl.</summary>
public sealed record AttentionParameters
{
    /// <summary>How a bias is given.</summary>
    public BiasForm Bias { get; init; }

    /// <summary>True if scores are capped.</summary>
    public bool HasSoftcap { get; init; }

    /// <summary>True if the tensors lie in the buffer of the lists.</summary>
    public bool IsJoined { get; init; }

    /// <summary>The parameters of a problem.</summary>
    internal static AttentionParameters Of(AttentionProblem problem, bool isJoined = false) => new()
    {
        Bias = problem.Bias switch
        {
            null => BiasForm.None,
            AlibiBias or RelativeBias => BiasForm.ByDistance,
            _ => BiasForm.ByPair,
        },
        HasSoftcap = problem.Softcap is not null,
        IsJoined = isJoined,
    };
}

/// <summary>Parameters of attention_merge.cl.</summary>
public sealed record MergeParameters
{
    /// <summary>Work-items that merge a row together.</summary>
    public int RowItems { get; init; } = 1;
}

/// <summary>Parameters of attention_blockwise_lanes.cl.</summary>
public sealed record BlockwiseLanesParameters
{
    /// <summary>Vectors of queries that a work-item computes.</summary>
    public int Vectors { get; init; } = 2;
}
