namespace Stof.Reference.Cuda.Driver;

/// <summary>Element types of a tensor map (<c>CUtensorMapDataType</c>, as far as used).</summary>
public enum TensorMapType
{
    /// <summary>Unsigned 8 bits.</summary>
    U8 = 0,

    /// <summary>Unsigned 16 bits.</summary>
    U16 = 1,

    /// <summary>Unsigned 32 bits.</summary>
    U32 = 2,

    /// <summary>IEEE half.</summary>
    F16 = 6,

    /// <summary>IEEE single.</summary>
    F32 = 7,

    /// <summary>bfloat16.</summary>
    BF16 = 9,
}
