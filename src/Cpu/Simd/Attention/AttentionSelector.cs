using Stof.Reference.Formats;
using Stof.Reference.Operators;

namespace Stof.Reference.Cpu.Simd.Attention;

/// <summary>Chooses kernel and tile for a problem.</summary>
public static class AttentionSelector
{
    /// <summary>The default.</summary>
    public static AttentionChoice Measured(AttentionProblem problem)
    {
        ArgumentNullException.ThrowIfNull(problem);
        return new AttentionChoice(AttentionAlgorithm.Blockwise, TileShape.Default);
    }
}
