using System.Runtime.InteropServices;

namespace Stof.Reference.Cuda.Driver;

/// <summary>
/// A tensor and a box, encoded for the copy engine: 128 opaque bytes that a kernel takes as a parameter. It is valid as long as its memory.
/// </summary>
public sealed class TensorMap
{
    /// <summary>Size in bytes.</summary>
    public const int Size = 128;

    /// <summary>Alignment in bytes.</summary>
    public const int Alignment = 64;

    private const int MaxRank = 5;
    private const int MaxBox = 256;
    private const long MaxDimension = 1L << 32;
    private const long MaxStride = 1L << 40;
    private const int Granule = 16;

    private readonly byte[] _bytes;

    private TensorMap(TensorMapSpec spec, byte[] bytes)
    {
        Spec = spec;
        _bytes = bytes;
    }

    /// <summary>What was encoded.</summary>
    public TensorMapSpec Spec { get; }

    /// <summary>The encoded bytes.</summary>
    public ReadOnlySpan<byte> Bytes => _bytes;

    internal CudaMemory Memory => Spec.Memory.Memory;

    internal static unsafe TensorMap Encode(PrimaryContext context, TensorMapSpec spec)
    {
        ArgumentNullException.ThrowIfNull(spec);
        const string Call = "cuTensorMapEncodeTiled";
        Require(context, spec);
        context.Enter(Call);
        var rank = spec.Dimensions.Count;
        ulong* dimensions = stackalloc ulong[MaxRank];
        ulong* strides = stackalloc ulong[MaxRank];
        uint* box = stackalloc uint[MaxRank];
        uint* steps = stackalloc uint[MaxRank];
        for (var index = 0; index < rank; index++)
        {
            dimensions[index] = (ulong)spec.Dimensions[index];
            box[index] = (uint)spec.Box[index];
            steps[index] = 1;
        }

        for (var index = 0; index < rank - 1; index++)
        {
            strides[index] = (ulong)spec.Strides[index];
        }

        var encoded = (byte*)NativeMemory.AlignedAlloc(Size, Alignment);
        try
        {
            var result = context.Api.TensorMapEncodeTiled(
                encoded,
                (int)spec.Type,
                (uint)rank,
                spec.Memory.Address,
                dimensions,
                strides,
                box,
                steps,
                interleave: 0,
                (int)spec.Swizzle,
                (int)spec.L2,
                fill: 0);
            context.Check(result, Call, $"rank {rank} of {spec.Type}");
            return new TensorMap(spec, new ReadOnlySpan<byte>(encoded, Size).ToArray());
        }
        finally
        {
            NativeMemory.AlignedFree(encoded);
        }
    }

    // The rules of cuTensorMapEncodeTiled without interleaving; the driver answers a broken one with "invalid value" and no more.
    private static void Require(PrimaryContext context, TensorMapSpec spec)
    {
        static void Refuse(bool wrong, string what, string found, string expected)
        {
            if (wrong)
            {
                throw new InvalidInputException($"tensor map {what}", found, expected);
            }
        }

        Refuse(!context.Device.SupportsTensorMaps, "device", $"{context.Device}", "a device of compute capability 9.0 or newer");
        spec.Memory.Require(context, "tensor map memory", Granule);
        var rank = spec.Dimensions.Count;
        Refuse(rank is < 1 or > MaxRank, "rank", $"{rank}", $"1 to {MaxRank}");
        Refuse(spec.Strides.Count != rank - 1, "strides", $"{spec.Strides.Count}", $"{rank - 1}, one for each dimension but the first");
        Refuse(spec.Box.Count != rank, "box", $"{spec.Box.Count} extents", $"{rank}");
        var element = spec.ElementBytes;
        var reach = spec.Dimensions[0] * element;
        for (var index = 0; index < rank; index++)
        {
            Refuse(spec.Dimensions[index] is < 1 or > MaxDimension, $"dimension {index}", $"{spec.Dimensions[index]:N0}", "1 to 2^32");
            Refuse(spec.Box[index] is < 1 or > MaxBox, $"box {index}", $"{spec.Box[index]}", $"1 to {MaxBox}");
        }

        for (var index = 0; index < rank - 1; index++)
        {
            var stride = spec.Strides[index];
            Refuse(stride % Granule != 0 || stride is <= 0 or >= MaxStride, $"stride {index}", $"{stride:N0}", "a multiple of 16 below 2^40");
            Refuse(
                index == 0 && stride < spec.Dimensions[0] * element,
                "stride 0",
                $"{stride:N0}",
                $"at least a row, {spec.Dimensions[0] * element:N0} bytes");
            reach = checked(reach + ((spec.Dimensions[index + 1] - 1) * stride));
        }

        Refuse(reach > spec.Memory.Bytes, "extent", $"{reach:N0} bytes", $"at most the memory's {spec.Memory.Bytes:N0}");
        var inner = spec.Box[0] * element;
        Refuse(inner % Granule != 0, "box 0", $"{inner} bytes", "a multiple of 16 bytes");
        var widest = spec.Swizzle switch
        {
            TensorMapSwizzle.None => int.MaxValue,
            TensorMapSwizzle.Bytes32 => 32,
            TensorMapSwizzle.Bytes64 => 64,
            TensorMapSwizzle.Bytes128 => 128,
            _ => 0,
        };
        Refuse(inner > widest, "box 0", $"{inner} bytes with swizzle {spec.Swizzle}", $"at most {widest} bytes");
    }
}
