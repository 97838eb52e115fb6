namespace Stof.Reference.Cuda.Driver;

/// <summary>How much the level-2 cache fetches at once (<c>CUtensorMapL2promotion</c>).</summary>
public enum TensorMapL2
{
    /// <summary>What is asked for.</summary>
    None = 0,

    /// <summary>64 bytes.</summary>
    Bytes64 = 1,

    /// <summary>128 bytes.</summary>
    Bytes128 = 2,

    /// <summary>256 bytes.</summary>
    Bytes256 = 3,
}
