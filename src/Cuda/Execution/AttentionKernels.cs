using Stof.Reference.Cuda.Ptx;
using Stof.Reference.Cuda.Templates;

namespace Stof.Reference.Cuda.Execution;

/// <summary>Attention kernels for a target, each built once.</summary>
/// <param name="target">What they are built for.</param>
internal sealed class AttentionKernels(Target target)
{
    private readonly Dictionary<object, Kernel> _kernels = [];

    /// <summary>The row-wise kernel of a specification.</summary>
    public Kernel Get(RowwiseAttentionSpec spec) => Get(spec, RowwiseAttention.Build);

    /// <summary>The block-wise kernel of a specification.</summary>
    public Kernel Get(BlockwiseAttentionSpec spec) => Get(spec, BlockwiseAttention.Build);

    /// <summary>The merge kernel of a specification.</summary>
    public Kernel Get(SplitMergeSpec spec) => Get(spec, SplitMerge.Build);

    private Kernel Get<TSpec>(TSpec spec, Func<TSpec, Target, Kernel> build)
        where TSpec : notnull
    {
        if (!_kernels.TryGetValue(spec, out var kernel))
        {
            kernel = build(spec, target);
            _kernels.Add(spec, kernel);
        }

        return kernel;
    }
}
