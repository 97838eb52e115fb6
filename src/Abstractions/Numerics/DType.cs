namespace Stof.Reference.Numerics;

/// <summary>Element types of tensors. The first four carry numbers through kernels; the others hold ids, masks and lists.</summary>
public enum DType
{
    /// <summary>IEEE 754 binary64; the oracle's type.</summary>
    F64,

    /// <summary>IEEE 754 binary32.</summary>
    F32,

    /// <summary>IEEE 754 binary16.</summary>
    F16,

    /// <summary>bfloat16: the upper half of a binary32.</summary>
    BF16,

    /// <summary>64-bit signed integer.</summary>
    I64,

    /// <summary>32-bit signed integer.</summary>
    I32,

    /// <summary>8-bit unsigned integer.</summary>
    U8,

    /// <summary>64-bit unsigned integer; holds inner-tile bitmaps.</summary>
    U64,

    /// <summary>One byte, 0 or 1.</summary>
    Bool,
}

/// <summary>Facts about <see cref="DType"/> values.</summary>
public static class DTypes
{
    /// <summary>Bytes per element.</summary>
    public static int Size(this DType type) => type switch
    {
        DType.F64 or DType.I64 or DType.U64 => 8,
        DType.F32 or DType.I32 => 4,
        DType.F16 or DType.BF16 => 2,
        DType.U8 or DType.Bool => 1,
        _ => throw new ArgumentOutOfRangeException(nameof(type), type, "not a dtype"),
    };

    /// <summary>True for the four types that kernels compute with.</summary>
    public static bool IsFloat(this DType type) => type is DType.F64 or DType.F32 or DType.F16 or DType.BF16;

    /// <summary>Half-unit roundoff u: the largest relative error of one rounding to nearest.</summary>
    /// <exception cref="ArgumentOutOfRangeException">The type is not a floating-point type.</exception>
    public static double UnitRoundoff(this DType type) => type switch
    {
        DType.F64 => 1.0 / (1L << 53),
        DType.F32 => 1.0 / (1 << 24),
        DType.F16 => 1.0 / (1 << 11),
        DType.BF16 => 1.0 / (1 << 8),
        _ => throw new ArgumentOutOfRangeException(nameof(type), type, "not a floating-point dtype"),
    };

    /// <summary>Half the smallest subnormal: the largest absolute error of rounding a number near zero.</summary>
    /// <exception cref="ArgumentOutOfRangeException">The type is not a floating-point type.</exception>
    public static double HalfSubnormal(this DType type) => type switch
    {
        DType.F64 => double.Epsilon, // its half is not representable
        DType.F32 => 7.006492321624085e-46,
        DType.F16 => 1.0 / (1 << 25),
        DType.BF16 => 4.591774807899561e-41,
        _ => throw new ArgumentOutOfRangeException(nameof(type), type, "not a floating-point dtype"),
    };

    /// <summary>The dtype that stores <typeparamref name="T"/>.</summary>
    /// <exception cref="ArgumentException">No dtype stores <typeparamref name="T"/>.</exception>
    public static DType Of<T>()
        where T : unmanaged
    {
        if (typeof(T) == typeof(double))
        {
            return DType.F64;
        }

        if (typeof(T) == typeof(float))
        {
            return DType.F32;
        }

        if (typeof(T) == typeof(Half))
        {
            return DType.F16;
        }

        if (typeof(T) == typeof(BFloat16))
        {
            return DType.BF16;
        }

        if (typeof(T) == typeof(long))
        {
            return DType.I64;
        }

        if (typeof(T) == typeof(int))
        {
            return DType.I32;
        }

        if (typeof(T) == typeof(byte))
        {
            return DType.U8;
        }

        if (typeof(T) == typeof(ulong))
        {
            return DType.U64;
        }

        if (typeof(T) == typeof(bool))
        {
            return DType.Bool;
        }

        throw new ArgumentException($"no dtype stores {typeof(T).Name}", nameof(T));
    }

    /// <summary>Parses <c>f64 f32 f16 bf16 i64 i32 u8 u64 bool</c>, in any letter case.</summary>
    /// <exception cref="InvalidInputException">The text names no dtype.</exception>
    public static DType Parse(string text) =>
        Enum.TryParse<DType>(text, ignoreCase: true, out var type) && Enum.IsDefined(type) && !char.IsDigit(text[0])
            ? type
            : throw new InvalidInputException("dtype", $"'{text}'", "one of f64, f32, f16, bf16, i64, i32, u8, u64, bool");
}
