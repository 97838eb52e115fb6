namespace Stof.Reference.Cuda.Ptx;

/// <summary>A typed register or constant: a wrong operand does not compile.</summary>
/// <typeparam name="TSelf">The type itself.</typeparam>
public interface IValue<TSelf>
    where TSelf : struct, IValue<TSelf>
{
    /// <summary>Type of the register.</summary>
    static abstract RegisterType Type { get; }

    /// <summary>Wraps an operand of that type.</summary>
    static abstract TSelf Of(Operand operand);

    /// <summary>The register or constant.</summary>
    Operand Operand { get; }
}

/// <summary>A predicate: one bit a lane.</summary>
/// <param name="Operand">The register.</param>
public readonly record struct Pred(Operand Operand) : IValue<Pred>
{
    /// <inheritdoc/>
    public static RegisterType Type => RegisterType.Pred;

    /// <inheritdoc/>
    public static Pred Of(Operand operand) => new(operand);
}

/// <summary>16 bits.</summary>
/// <param name="Operand">Register or constant.</param>
public readonly record struct B16(Operand Operand) : IValue<B16>
{
    /// <inheritdoc/>
    public static RegisterType Type => RegisterType.B16;

    /// <inheritdoc/>
    public static B16 Of(Operand operand) => new(operand);

    /// <summary>A constant.</summary>
    public static B16 Constant(ushort bits) => new(Operand.Constant(Type, bits));
}

/// <summary>32 bits.</summary>
/// <param name="Operand">Register or constant.</param>
public readonly record struct B32(Operand Operand) : IValue<B32>
{
    /// <inheritdoc/>
    public static RegisterType Type => RegisterType.B32;

    /// <inheritdoc/>
    public static B32 Of(Operand operand) => new(operand);

    /// <summary>A constant.</summary>
    public static B32 Constant(int value) => new(Operand.Constant(Type, (uint)value));

    /// <summary>A constant.</summary>
    public static implicit operator B32(int value) => Constant(value);

    /// <summary>A constant.</summary>
    public static implicit operator B32(uint value) => Constant((int)value);
}

/// <summary>64 bits.</summary>
/// <param name="Operand">Register or constant.</param>
public readonly record struct B64(Operand Operand) : IValue<B64>
{
    /// <inheritdoc/>
    public static RegisterType Type => RegisterType.B64;

    /// <inheritdoc/>
    public static B64 Of(Operand operand) => new(operand);

    /// <summary>A constant.</summary>
    public static B64 Constant(long value) => new(Operand.Constant(Type, (ulong)value));

    /// <summary>A constant.</summary>
    public static implicit operator B64(long value) => Constant(value);
}

/// <summary>A float.</summary>
/// <param name="Operand">Register or constant.</param>
public readonly record struct F32(Operand Operand) : IValue<F32>
{
    /// <inheritdoc/>
    public static RegisterType Type => RegisterType.F32;

    /// <inheritdoc/>
    public static F32 Of(Operand operand) => new(operand);

    /// <summary>A constant.</summary>
    public static F32 Constant(float value) => new(Operand.Constant(Type, BitConverter.SingleToUInt32Bits(value)));

    /// <summary>A constant.</summary>
    public static implicit operator F32(float value) => Constant(value);
}

/// <summary>A double.</summary>
/// <param name="Operand">Register or constant.</param>
public readonly record struct F64(Operand Operand) : IValue<F64>
{
    /// <inheritdoc/>
    public static RegisterType Type => RegisterType.F64;

    /// <inheritdoc/>
    public static F64 Of(Operand operand) => new(operand);

    /// <summary>A constant.</summary>
    public static F64 Constant(double value) => new(Operand.Constant(Type, BitConverter.DoubleToUInt64Bits(value)));

    /// <summary>A constant.</summary>
    public static implicit operator F64(double value) => Constant(value);
}

/// <summary>Two halves, the first in the low bits.</summary>
/// <param name="Operand">Register or constant.</param>
public readonly record struct F16x2(Operand Operand) : IValue<F16x2>
{
    /// <inheritdoc/>
    public static RegisterType Type => RegisterType.F16x2;

    /// <inheritdoc/>
    public static F16x2 Of(Operand operand) => new(operand);

    /// <summary>A constant.</summary>
    public static F16x2 Constant(Half low, Half high) =>
        new(Operand.Constant(Type, BitConverter.HalfToUInt16Bits(low) | ((ulong)BitConverter.HalfToUInt16Bits(high) << 16)));
}

/// <summary>Two bfloat16, the first in the low bits.</summary>
/// <param name="Operand">Register or constant.</param>
public readonly record struct BF16x2(Operand Operand) : IValue<BF16x2>
{
    /// <inheritdoc/>
    public static RegisterType Type => RegisterType.BF16x2;

    /// <inheritdoc/>
    public static BF16x2 Of(Operand operand) => new(operand);
}
