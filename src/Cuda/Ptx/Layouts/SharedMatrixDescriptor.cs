namespace Stof.Reference.Cuda.Ptx.Layouts;

/// <summary>
/// The 64 bits that tell <c>wgmma</c> where an operand lies in shared memory (PTX ISA, "Matrix Descriptor Format"): bits 0–13 start,
/// 16–29 leading dimension, 32–45 stride dimension (each in units of 16 bytes), 49–51 base offset, 62–63 swizzle mode.
/// </summary>
/// <param name="StartAddress">Bytes within the shared window.</param>
/// <param name="LeadingBytes">Bytes between core matrices along the leading dimension.</param>
/// <param name="StrideBytes">Bytes between groups of eight rows.</param>
/// <param name="BaseOffset">0 where the pattern of a swizzle starts at a multiple of its period; else (pattern start ÷ 128) modulo 8.</param>
/// <param name="Swizzle">How units are exchanged.</param>
public sealed record SharedMatrixDescriptor(int StartAddress, int LeadingBytes, int StrideBytes, int BaseOffset, Swizzle Swizzle)
{
    private const int FieldBits = 14;
    private const int UnitBytes = 16;

    /// <summary>The bits.</summary>
    /// <exception cref="InvalidInputException">A number is no multiple of 16, or does not fit its field.</exception>
    public ulong Encode()
    {
        if (BaseOffset is < 0 or > 7)
        {
            throw new InvalidInputException("base offset", $"{BaseOffset}", "0 to 7");
        }

        return Field(StartAddress, "start address") | (Field(LeadingBytes, "leading dimension") << 16) | (Field(StrideBytes, "stride dimension") << 32)
            | ((ulong)BaseOffset << 49) | (Mode(Swizzle) << 62);
    }

    /// <summary>What bits say.</summary>
    public static SharedMatrixDescriptor Decode(ulong bits)
    {
        var swizzle = Swizzle.All.First(candidate => Mode(candidate) == bits >> 62);
        return new(Bytes(bits), Bytes(bits >> 16), Bytes(bits >> 32), (int)(bits >> 49) & 7, swizzle);
    }

    private static int Bytes(ulong field) => (int)(field & ((1 << FieldBits) - 1)) * UnitBytes;

    private static ulong Mode(Swizzle swizzle) => swizzle.WidthBytes switch
    {
        128 => 1,
        64 => 2,
        32 => 3,
        _ => 0,
    };

    private static ulong Field(int bytes, string name) => bytes % UnitBytes == 0 && bytes >= 0 && bytes < UnitBytes << FieldBits
        ? (ulong)(bytes / UnitBytes)
        : throw new InvalidInputException(name, $"{bytes} bytes", $"a multiple of {UnitBytes} below {UnitBytes << FieldBits}");
}
