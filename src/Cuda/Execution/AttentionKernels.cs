using Stof.Reference.Cuda.Ptx;
using Stof.Reference.Cuda.Templates;

namespace Stof.Reference.Cuda.Execution;

/// <summary>Attention kernels, each built once.</summary>
/// <param name="library">Where all kernels are kept.</param>
internal sealed class AttentionKernels(KernelLibrary library)
{
    /// <summary>The row-wise kernel of a specification.</summary>
    public Kernel Get(RowwiseAttentionSpec spec) => library.Get(spec, RowwiseAttention.Build);

    /// <summary>The block-wise kernel of a specification.</summary>
    public Kernel Get(BlockwiseAttentionSpec spec) => library.Get(spec, spec.IsExact ? FmaAttention.Build : BlockwiseAttention.Build);

    /// <summary>The merge kernel of a specification.</summary>
    public Kernel Get(SplitMergeSpec spec) => library.Get(spec, SplitMerge.Build);
}
