namespace Stof.Reference.Cuda.Driver;

/// <summary>
/// A tensor in device memory and the box that one bulk copy moves. Dimension 0 varies fastest and is dense. What lies outside the tensor is
/// read as zero. A kernel's coordinate along dimension 0 must be a multiple of 16 bytes, also where it is negative: with another one an
/// H100 answers "illegal instruction".
/// </summary>
/// <param name="Memory">Where the tensor's first element lies; aligned to 16 bytes.</param>
/// <param name="Type">Element type.</param>
/// <param name="Dimensions">Elements of each dimension, 1 to 5 of them.</param>
/// <param name="Strides">Bytes from one index to the next, for dimensions 1 and up; multiples of 16.</param>
/// <param name="Box">Elements of the box in each dimension, 1 to 256.</param>
public sealed record TensorMapSpec(
    CudaMemoryView Memory,
    TensorMapType Type,
    IReadOnlyList<long> Dimensions,
    IReadOnlyList<long> Strides,
    IReadOnlyList<int> Box)
{
    /// <summary>Permutation in shared memory.</summary>
    public TensorMapSwizzle Swizzle { get; init; }

    /// <summary>Fetch width of the level-2 cache.</summary>
    public TensorMapL2 L2 { get; init; } = TensorMapL2.Bytes128;

    /// <summary>Bytes of an element.</summary>
    public int ElementBytes => Type switch
    {
        TensorMapType.U8 => 1,
        TensorMapType.U16 or TensorMapType.F16 or TensorMapType.BF16 => 2,
        TensorMapType.U32 or TensorMapType.F32 => 4,
        _ => throw new InvalidInputException("tensor map type", $"{Type}", "one of the listed types"),
    };
}
