namespace Stof.Reference.Cpu.Simd;

/// <summary>What a norm asks for while it works on a row, and how it stores it. Default for nothing, through the caches.</summary>
internal unsafe struct RowAhead
{
    /// <summary>What the first pass over the row asks for: the next row; null for nothing.</summary>
    public byte* First;

    /// <summary>Bytes of 64 elements of <see cref="First"/>.</summary>
    public nint FirstStep;

    /// <summary>What LayerNorm's second pass asks for: the next row of the residual; null for nothing.</summary>
    public byte* Residual;

    /// <summary>Bytes of 64 elements of <see cref="Residual"/>.</summary>
    public nint ResidualStep;

    /// <summary>From an output element written to the one to ask for, in bytes.</summary>
    public nint Output;

    /// <summary>True if the output passes by the caches.</summary>
    public bool IsStreamed;
}
