using System.Numerics.Tensors;
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using Stof.Reference.Numerics;

namespace Stof.Reference.Tensors;

/// <summary>
/// A dense row-major tensor in host memory whose element type is known at run time. Storage is 64-byte aligned, pinned and
/// owned by the garbage collector; typed views are handed out as <see cref="Span{T}"/> or
/// <see cref="TensorSpan{T}"/>, never copied.
/// </summary>
public sealed class HostTensor
{
    private const int Alignment = 64; // one cache line, and one 512-bit vector

    private readonly byte[] _storage;
    private readonly int _start;
    private readonly int _byteLength;
    private readonly int[] _shape;

    private HostTensor(DType type, int[] shape, int count, bool zeroed, int margin = 0)
    {
        Type = type;
        _shape = shape;
        Count = count;
        _byteLength = count * type.Size();
        var bytes = checked(margin + _byteLength + margin + Alignment);
        _storage = zeroed
            ? GC.AllocateArray<byte>(bytes, pinned: true)
            : GC.AllocateUninitializedArray<byte>(bytes, pinned: true);
        var address = (long)Marshal.UnsafeAddrOfPinnedArrayElement(_storage, margin);
        _start = margin + (int)(-address & (Alignment - 1));
    }

    /// <summary>Element type.</summary>
    public DType Type { get; }

    /// <summary>Extents, outermost first; empty for a scalar.</summary>
    public ReadOnlySpan<int> Shape => _shape;

    /// <summary>Number of elements.</summary>
    public int Count { get; }

    /// <summary>Number of dimensions.</summary>
    public int Rank => _shape.Length;

    /// <summary>The elements' bytes, row-major, little-endian.</summary>
    public Span<byte> Bytes => _storage.AsSpan(_start, _byteLength);

    /// <summary>Allocates a tensor of zeros.</summary>
    /// <exception cref="InvalidInputException">An extent is negative, or the tensor would exceed 2 GiB.</exception>
    public static HostTensor Zeros(DType type, params ReadOnlySpan<int> shape) =>
        new(type, shape.ToArray(), CheckedCount(type, shape), zeroed: true);

    /// <summary>Allocates a tensor whose elements hold whatever was there; the caller writes every one.</summary>
    /// <exception cref="InvalidInputException">An extent is negative, or the tensor would exceed 2 GiB.</exception>
    public static HostTensor Uninitialized(DType type, params ReadOnlySpan<int> shape) =>
        new(type, shape.ToArray(), CheckedCount(type, shape), zeroed: false);

    /// <summary>
    /// Allocates a tensor with at least <paramref name="margin"/> bytes on either side that belong to nobody: a test fills
    /// <see cref="Before"/> and <see cref="After"/> and sees whether a kernel reads or writes there.
    /// </summary>
    internal static HostTensor WithMargins(int margin, DType type, params ReadOnlySpan<int> shape) =>
        new(type, shape.ToArray(), CheckedCount(type, shape), zeroed: false, margin);

    /// <summary>Bytes of the storage before the first element.</summary>
    internal Span<byte> Before => _storage.AsSpan(0, _start);

    /// <summary>Bytes of the storage after the last element.</summary>
    internal Span<byte> After => _storage.AsSpan(_start + _byteLength);

    /// <summary>Copies <paramref name="values"/> into a new tensor.</summary>
    /// <exception cref="InvalidInputException">The number of values is not the product of the extents.</exception>
    public static HostTensor From<T>(ReadOnlySpan<T> values, params ReadOnlySpan<int> shape)
        where T : unmanaged
    {
        var tensor = Uninitialized(DTypes.Of<T>(), shape);
        if (tensor.Count != values.Length)
        {
            throw new InvalidInputException(
                nameof(values), $"{values.Length} values", $"{tensor.Count} for shape {Describe(shape)}");
        }

        values.CopyTo(tensor.Span<T>());
        return tensor;
    }

    /// <inheritdoc cref="From{T}(ReadOnlySpan{T}, ReadOnlySpan{int})"/>
    public static HostTensor From<T>(T[] values, params ReadOnlySpan<int> shape)
        where T : unmanaged => From((ReadOnlySpan<T>)values, shape);

    /// <summary>The elements as a flat span.</summary>
    /// <exception cref="InvalidOperationException"><typeparamref name="T"/> is not this tensor's element type.</exception>
    public Span<T> Span<T>()
        where T : unmanaged
    {
        if (DTypes.Of<T>() != Type)
        {
            throw new InvalidOperationException($"tensor holds {Type}, not {typeof(T).Name}");
        }

        return MemoryMarshal.CreateSpan(ref Unsafe.As<byte, T>(ref MemoryMarshal.GetReference(Bytes)), Count);
    }

    /// <summary>The elements with their shape, for <see cref="Tensor"/> operations.</summary>
    public TensorSpan<T> TensorSpan<T>()
        where T : unmanaged
    {
        var lengths = Array.ConvertAll(_shape, extent => (nint)extent);
        return new TensorSpan<T>(Span<T>(), lengths);
    }

    /// <summary>Address of the first element. The storage is pinned: it stays valid while this tensor is reachable.</summary>
    public unsafe void* Address => Unsafe.AsPointer(ref _storage[_start]);

    /// <summary>The same elements under another shape; storage is copied, so the two do not alias.</summary>
    /// <exception cref="InvalidInputException">The new shape has another number of elements.</exception>
    public HostTensor Reshaped(params ReadOnlySpan<int> shape)
    {
        var result = Uninitialized(Type, shape);
        if (result.Count != Count)
        {
            throw new InvalidInputException(nameof(shape), Describe(shape), $"{Count} elements as in {this}");
        }

        Bytes.CopyTo(result.Bytes);
        return result;
    }

    /// <summary>True if the extents are exactly <paramref name="shape"/>.</summary>
    public bool HasShape(params ReadOnlySpan<int> shape) => Shape.SequenceEqual(shape);

    /// <summary>Renders a shape as <c>[2, 3, 4]</c>.</summary>
    public static string Describe(ReadOnlySpan<int> shape) => "[" + string.Join(", ", shape.ToArray()) + "]";

    /// <summary>Dtype and shape, such as <c>F32[2, 96, 128]</c>.</summary>
    public override string ToString() => Type + Describe(_shape);

    private static int CheckedCount(DType type, ReadOnlySpan<int> shape)
    {
        long count = 1;
        foreach (var extent in shape)
        {
            if (extent < 0)
            {
                throw new InvalidInputException(nameof(shape), Describe(shape), "extents of 0 or more");
            }

            count *= extent;
            if (count * type.Size() > int.MaxValue - Alignment)
            {
                throw new InvalidInputException(nameof(shape), $"{type}{Describe(shape)}", "a tensor of less than 2 GiB");
            }
        }

        return (int)count;
    }
}
