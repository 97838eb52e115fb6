namespace Stof.Reference.Cpu.Simd.Attention;

/// <summary>
/// Scratch of attention kernels: packed keys and values, and what each worker computes in. It grows to what the largest run
/// needs and is then reused without allocation. Kernels that run one after another may share one; kernels that run at the
/// same time may not.
/// </summary>
public sealed class AttentionWorkspace
{
    /// <summary>Packed keys and values of a wave.</summary>
    internal GrowingFloats Panels { get; } = new();

    /// <summary>Queries, scores and row states, one area a worker.</summary>
    internal GrowingFloats Scratch { get; } = new();

    /// <summary>Row states of key ranges that wait for their merge.</summary>
    internal GrowingFloats Partial { get; } = new();
}
