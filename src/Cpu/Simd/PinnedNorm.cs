using System.Buffers;
using Stof.Reference.Graphs;

namespace Stof.Reference.Cpu.Simd;

/// <summary>A <see cref="RowNorm"/> with its arrays pinned for the time of one kernel call; also stands for "no norm".</summary>
internal readonly unsafe struct PinnedNorm : IDisposable
{
    private readonly MemoryHandle _gamma;
    private readonly MemoryHandle _beta;

    public PinnedNorm(RowNorm? norm)
    {
        if (norm is null)
        {
            return;
        }

        IsPresent = true;
        Kind = norm.Kind;
        Epsilon = norm.Epsilon;
        _gamma = norm.Gamma.AsMemory().Pin();
        _beta = norm.Beta.AsMemory().Pin();
    }

    public bool IsPresent { get; }

    public NormKind Kind { get; }

    public float Epsilon { get; }

    /// <summary>Scales, one per column.</summary>
    public float* Gamma => (float*)_gamma.Pointer;

    /// <summary>Shifts, one per column; null for none.</summary>
    public float* Beta => (float*)_beta.Pointer;

    public void Dispose()
    {
        _gamma.Dispose();
        _beta.Dispose();
    }
}
