using Stof.Reference.Cuda.Ptx;
using Stof.Reference.Cuda.Templates;

namespace Stof.Reference.Cuda.Execution;

/// <summary>Kernels for a target, each built once: layers share them.</summary>
/// <param name="target">What they are built for.</param>
internal sealed class KernelLibrary(Target target)
{
    private readonly Dictionary<object, Kernel> _kernels = [];

    /// <summary>What kernels are built for.</summary>
    public Target Target => target;

    /// <summary>The kernel of a specification, which compares by value.</summary>
    public Kernel Get<TSpec>(TSpec spec, Func<TSpec, Target, Kernel> build)
        where TSpec : notnull
    {
        if (!_kernels.TryGetValue(spec, out var kernel))
        {
            kernel = build(spec, target);
            _kernels.Add(spec, kernel);
        }

        return kernel;
    }

    /// <summary>The product kernel of a specification.</summary>
    public Kernel Get(GemmSpec spec) => Get(spec, GemmKernel.Build);

    /// <summary>The row kernel of a specification.</summary>
    public Kernel Get(RowChainSpec spec) => Get(spec, RowChain.Build);
}
