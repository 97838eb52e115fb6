namespace Stof.Reference.Cuda.Ptx;

/// <summary>Modes of <c>prmt</c>; c is the control's low two bits, i the byte of the result.</summary>
public enum PermuteMode
{
    /// <summary>Byte c + i.</summary>
    Forward4,

    /// <summary>Byte c − i, modulo 8.</summary>
    Backward4,

    /// <summary>Byte c.</summary>
    Replicate8,

    /// <summary>Byte max(i, c).</summary>
    ClampLeft,

    /// <summary>Byte min(i, c).</summary>
    ClampRight,

    /// <summary>The low or high half of a, twice.</summary>
    Replicate16,
}
