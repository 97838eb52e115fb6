using System.Numerics.Tensors;
using System.Runtime.Intrinsics;
using Stof.Reference.Numerics;

namespace Stof.Reference.Cpu.Simd.Attention;

/// <summary>Exact widening of a row to float and one rounding to nearest-even on the way back.</summary>
internal static unsafe class RowConversion
{
    /// <summary>Widens <paramref name="count"/> elements.</summary>
    public static void Widen(DType type, byte* source, float* destination, int count)
    {
        switch (type)
        {
            case DType.F32:
                new ReadOnlySpan<float>(source, count).CopyTo(new Span<float>(destination, count));
                break;
            case DType.F16:
                TensorPrimitives.ConvertToSingle(new ReadOnlySpan<Half>(source, count), new Span<float>(destination, count));
                break;
            default:
                WidenBFloat16((ushort*)source, destination, count);
                break;
        }
    }

    /// <summary>Rounds <paramref name="count"/> elements to the storage type.</summary>
    public static void Narrow(DType type, float* source, byte* destination, int count)
    {
        switch (type)
        {
            case DType.F32:
                new ReadOnlySpan<float>(source, count).CopyTo(new Span<float>(destination, count));
                break;
            case DType.F16:
                TensorPrimitives.ConvertToHalf(new ReadOnlySpan<float>(source, count), new Span<Half>(destination, count));
                break;
            default:
                NarrowBFloat16(source, (ushort*)destination, count);
                break;
        }
    }

    private static void WidenBFloat16(ushort* source, float* destination, int count)
    {
        var i = 0;
        for (; i <= count - 8; i += 8)
        {
            var (lower, upper) = Vector128.Widen(Vector128.Load(source + i));
            Vector128.ShiftLeft(lower, 16).AsSingle().Store(destination + i);
            Vector128.ShiftLeft(upper, 16).AsSingle().Store(destination + i + 4);
        }

        for (; i < count; i++)
        {
            destination[i] = (float)BFloat16.FromBits(source[i]);
        }
    }

    private static void NarrowBFloat16(float* source, ushort* destination, int count)
    {
        var i = 0;
        for (; i <= count - 8; i += 8)
        {
            Vector128.Narrow(Rounded(source + i), Rounded(source + i + 4)).Store(destination + i);
        }

        for (; i < count; i++)
        {
            destination[i] = ((BFloat16)source[i]).Bits;
        }
    }

    /// <summary>The rules of <see cref="BFloat16"/>'s conversion, four at a time: nearest-even, a NaN kept quiet.</summary>
    private static Vector128<uint> Rounded(float* source)
    {
        var value = Vector128.Load(source);
        var bits = value.AsUInt32();
        var upper = Vector128.ShiftRightLogical(bits, 16);
        var rounded = Vector128.ShiftRightLogical(bits + Vector128.Create(0x7FFFu) + (upper & Vector128<uint>.One), 16);
        return Vector128.ConditionalSelect(Vector128.Equals(value, value).AsUInt32(), rounded, upper | Vector128.Create(0x40u));
    }
}
