using Stof.Reference.Numerics;

namespace Stof.Reference.OpenCL.Execution;

/// <summary>Parameters of numbers.cl, for which every kernel is specialised; the names are those that the kernel files use.</summary>
public sealed record NumberParameters
{
    /// <summary>Type of the tensors.</summary>
    public DType Type { get; init; } = DType.F32;

    /// <summary>Floats of a vector; 1 on a GPU.</summary>
    public int Lanes { get; init; } = 16;

    /// <summary>True to use the device's own power of two.</summary>
    public bool FastExp2 { get; init; }

    /// <summary>True if the device widens and narrows 16-bit floats itself (<c>cl_khr_fp16</c>).</summary>
    public bool HasFp16 { get; init; }
}
