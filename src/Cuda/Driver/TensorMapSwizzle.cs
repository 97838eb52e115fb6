namespace Stof.Reference.Cuda.Driver;

/// <summary>How a box's 16-byte pieces are permuted in shared memory (<c>CUtensorMapSwizzle</c>, as far as used).</summary>
public enum TensorMapSwizzle
{
    /// <summary>Not at all.</summary>
    None = 0,

    /// <summary>Within 32 bytes.</summary>
    Bytes32 = 1,

    /// <summary>Within 64 bytes.</summary>
    Bytes64 = 2,

    /// <summary>Within 128 bytes.</summary>
    Bytes128 = 3,
}
