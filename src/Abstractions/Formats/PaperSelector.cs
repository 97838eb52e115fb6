namespace Stof.Reference.Formats;

/// <summary>Which of STOF's two attention kernels.</summary>
public enum KernelKind
{
    /// <summary>One block of queries walks its loaded tiles.</summary>
    BlockWise,

    /// <summary>One query gathers its allowed keys.</summary>
    RowWise,
}

/// <summary>
/// STOF's published rule for choosing a kernel (equation 1): with ρ the loaded share of 16×16 tiles, row-wise iff
/// ρ &lt; c / log₂(S/16)², c = 1.2; S ≤ 16 is row-wise. S is the number of keys. Kept as published, as a baseline: on the paper's own
/// shapes it never picks row-wise.
/// </summary>
public static class PaperSelector
{
    /// <summary>The paper's constant c; the artifact's benchmark script has 1.0.</summary>
    public const double DefaultConstant = 1.2;

    /// <summary>The tile size that the rule is stated for.</summary>
    public static TileShape Tile => new(16, 16);

    /// <summary>The threshold c / log₂(S/16)²; infinite for S ≤ 16.</summary>
    public static double Threshold(int keys, double constant = DefaultConstant)
    {
        var log = Math.Log2(keys / 16.0);
        return keys <= 16 ? double.PositiveInfinity : constant / (log * log);
    }

    /// <summary>Applies the rule to a loaded share.</summary>
    public static KernelKind Choose(double loadShare16, int keys, double constant = DefaultConstant) =>
        loadShare16 < Threshold(keys, constant) ? KernelKind.RowWise : KernelKind.BlockWise;
}
