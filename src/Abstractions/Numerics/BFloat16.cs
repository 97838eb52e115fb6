using System.Globalization;
using System.Runtime.CompilerServices;

namespace Stof.Reference.Numerics;

/// <summary>
/// bfloat16 storage: sign, 8 exponent bits, 7 stored significand bits; bit for bit the upper half of a binary32.
/// A storage type only: arithmetic happens in <see cref="float"/> or <see cref="double"/>.
/// </summary>
public readonly struct BFloat16 : IEquatable<BFloat16>
{
    private BFloat16(ushort bits) => Bits = bits;

    /// <summary>The sixteen stored bits.</summary>
    public ushort Bits { get; }

    /// <summary>Reinterprets sixteen bits.</summary>
    public static BFloat16 FromBits(ushort bits) => new(bits);

    /// <summary>Widens exactly; NaN payloads survive.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static explicit operator float(BFloat16 value) => BitConverter.UInt32BitsToSingle((uint)value.Bits << 16);

    /// <summary>Widens exactly.</summary>
    public static explicit operator double(BFloat16 value) => (float)value;

    /// <summary>
    /// Rounds to nearest, ties to even. Overflow gives infinity; a NaN keeps its upper payload bits and is made quiet, so that
    /// a payload living only in the discarded half cannot turn into infinity.
    /// </summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static explicit operator BFloat16(float value)
    {
        var bits = BitConverter.SingleToUInt32Bits(value);
        if (float.IsNaN(value))
        {
            return new BFloat16((ushort)((bits >> 16) | 0x0040));
        }

        // Adding 0x7FFF plus the lowest kept bit carries exactly when nearest-even says "up".
        return new BFloat16((ushort)((bits + 0x7FFF + ((bits >> 16) & 1)) >> 16));
    }

    /// <summary>
    /// Rounds once, to nearest with ties to even. Going through <see cref="float"/> by nearest rounding would round twice;
    /// the intermediate is therefore rounded to odd, which keeps the information that a tie was not a tie.
    /// </summary>
    public static explicit operator BFloat16(double value)
    {
        var nearest = (float)value;
        if (float.IsNaN(nearest) || nearest == value)
        {
            return (BFloat16)nearest;
        }

        if (float.IsInfinity(nearest))
        {
            return (BFloat16)nearest;
        }

        var bits = BitConverter.SingleToUInt32Bits(nearest);
        if ((bits & 1) == 0)
        {
            // Inexact with an even last bit: step to the odd neighbour on the side of the exact value.
            bits = Math.Abs((double)nearest) < Math.Abs(value) ? bits + 1 : bits - 1;
        }

        return (BFloat16)BitConverter.UInt32BitsToSingle(bits);
    }

    /// <summary>Compares the numbers: NaN differs from everything, the two zeros are equal.</summary>
    public static bool operator ==(BFloat16 left, BFloat16 right) => (float)left == (float)right;

    /// <inheritdoc cref="op_Equality"/>
    public static bool operator !=(BFloat16 left, BFloat16 right) => !(left == right);

    /// <summary>As <see cref="float.Equals(float)"/>: NaN equals NaN.</summary>
    public bool Equals(BFloat16 other) => ((float)this).Equals((float)other);

    /// <inheritdoc/>
    public override bool Equals(object? obj) => obj is BFloat16 other && Equals(other);

    /// <inheritdoc/>
    public override int GetHashCode() => ((float)this).GetHashCode();

    /// <inheritdoc/>
    public override string ToString() => ((float)this).ToString(CultureInfo.InvariantCulture);
}
