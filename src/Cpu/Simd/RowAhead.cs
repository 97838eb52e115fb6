namespace Stof.Reference.Cpu.Simd;

/// <summary>What a norm asks for while it writes a row: the next row's operands. Default for nothing.</summary>
internal unsafe struct RowAhead
{
    /// <summary>The next row of the input; null for none.</summary>
    public byte* First;

    /// <summary>Bytes of sixteen elements of <see cref="First"/>.</summary>
    public nint FirstStep;

    /// <summary>The next row of the residual; null for none.</summary>
    public byte* Residual;

    /// <summary>Bytes of sixteen elements of <see cref="Residual"/>.</summary>
    public nint ResidualStep;

    /// <summary>From an output element written to the one to ask for, in bytes.</summary>
    public nint Output;
}
