using System.Numerics.Tensors;
using System.Runtime.InteropServices;
using Stof.Reference.Numerics;

namespace Stof.Reference.Tensors;

/// <summary>Exact widening and single-rounding narrowing between the floating-point dtypes.</summary>
public static class TensorConversions
{
    /// <summary>Converts to another floating-point dtype, rounding once to nearest-even. Returns the tensor itself if it has that dtype.</summary>
    /// <exception cref="InvalidInputException">Source or target is not a floating-point dtype.</exception>
    public static HostTensor To(this HostTensor source, DType type)
    {
        if (source.Type == type)
        {
            return source;
        }

        RequireFloat(source.Type);
        RequireFloat(type);
        var result = HostTensor.Uninitialized(type, source.Shape);
        switch (type)
        {
            case DType.F64:
                source.CopyTo(result.Span<double>());
                break;
            case DType.F32 when source.Type != DType.F64:
                source.CopyTo(result.Span<float>());
                break;
            case DType.F32:
                TensorPrimitives.ConvertTruncating<double, float>(source.Span<double>(), result.Span<float>());
                break;
            default:
                Narrow(source, result);
                break;
        }

        return result;
    }

    /// <summary>Widens every element to double; exact.</summary>
    /// <param name="source">A floating-point tensor.</param>
    /// <param name="destination">At least <see cref="HostTensor.Count"/> elements.</param>
    /// <exception cref="InvalidInputException">The source is not a floating-point tensor.</exception>
    public static void CopyTo(this HostTensor source, Span<double> destination)
    {
        switch (source.Type)
        {
            case DType.F64:
                source.Span<double>().CopyTo(destination);
                break;
            case DType.F32:
                TensorPrimitives.ConvertTruncating<float, double>(source.Span<float>(), destination);
                break;
            case DType.F16:
                TensorPrimitives.ConvertTruncating<Half, double>(source.Span<Half>(), destination);
                break;
            case DType.BF16:
                var bfloats = source.Span<BFloat16>();
                for (var i = 0; i < bfloats.Length; i++)
                {
                    destination[i] = (double)bfloats[i];
                }

                break;
            default:
                RequireFloat(source.Type);
                break;
        }
    }

    /// <summary>Widens every element to float; exact. F64 is refused: use <see cref="To"/>, which rounds.</summary>
    /// <inheritdoc cref="CopyTo(HostTensor, Span{double})"/>
    public static void CopyTo(this HostTensor source, Span<float> destination)
    {
        switch (source.Type)
        {
            case DType.F32:
                source.Span<float>().CopyTo(destination);
                break;
            case DType.F16:
                TensorPrimitives.ConvertToSingle(source.Span<Half>(), destination);
                break;
            case DType.BF16:
                Widen(source.Span<BFloat16>(), destination);
                break;
            default:
                throw new InvalidInputException("dtype", source.Type.ToString(), "F32, F16 or BF16");
        }
    }

    /// <summary>The elements as a new array of doubles; exact.</summary>
    public static double[] ToDoubles(this HostTensor source)
    {
        var result = new double[source.Count];
        source.CopyTo(result);
        return result;
    }

    /// <summary>Shifts sixteen stored bits into place.</summary>
    public static void Widen(ReadOnlySpan<BFloat16> source, Span<float> destination)
    {
        var bits = MemoryMarshal.Cast<BFloat16, ushort>(source);
        var words = MemoryMarshal.Cast<float, uint>(destination);
        for (var i = 0; i < bits.Length; i++)
        {
            words[i] = (uint)bits[i] << 16;
        }
    }

    private static void Narrow(HostTensor source, HostTensor result)
    {
        // Through double: a narrowing cast from double to Half or BFloat16 rounds once.
        var wide = source.ToDoubles();
        if (result.Type == DType.F16)
        {
            var halves = result.Span<Half>();
            for (var i = 0; i < halves.Length; i++)
            {
                halves[i] = (Half)wide[i];
            }

            return;
        }

        var bfloats = result.Span<BFloat16>();
        for (var i = 0; i < bfloats.Length; i++)
        {
            bfloats[i] = (BFloat16)wide[i];
        }
    }

    private static void RequireFloat(DType type)
    {
        if (!type.IsFloat())
        {
            throw new InvalidInputException("dtype", type.ToString(), "F64, F32, F16 or BF16");
        }
    }
}
