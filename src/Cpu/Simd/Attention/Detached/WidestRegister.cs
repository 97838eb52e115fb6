using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.X86;

namespace Stof.Reference.Cpu.Simd.Attention.Detached;

/// <summary>Picks among three compilations of one loop body.</summary>
internal static class WidestRegister
{
    /// <summary>The body for the widest registers that this machine has.</summary>
    public static Action<int, int> Of(Action<int, int> lanes16, Action<int, int> lanes8, Action<int, int> lanes4) =>
        Avx512F.IsSupported ? lanes16 : Vector256.IsHardwareAccelerated ? lanes8 : lanes4;

    /// <summary>Refuses a score tensor of another shape or type.</summary>
    /// <exception cref="InvalidInputException">It is not F32[B, Hq, Sq, Skv].</exception>
    public static void RequireScores(Operators.AttentionProblem p, Tensors.HostTensor scores)
    {
        ArgumentNullException.ThrowIfNull(scores);
        if (scores.Type != Numerics.DType.F32 || !scores.HasShape(p.Batch, p.QueryHeads, p.QueryLength, p.KvLength))
        {
            throw new InvalidInputException(
                nameof(scores), scores.ToString(), $"F32[{p.Batch}, {p.QueryHeads}, {p.QueryLength}, {p.KvLength}]");
        }
    }
}
