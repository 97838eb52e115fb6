namespace Stof.Reference.Cuda.Ptx.Layouts;

/// <summary>
/// How 16-byte units of a shared-memory tile are exchanged so that a column of units lies in different banks: unit index (address bits
/// 4 to 6) xor row index (bits 7 up), as many bits as the width has units. The pattern is the one of tensor maps and of <c>wgmma</c>
/// descriptors (PTX ISA, "Swizzling modes"), counted from addresses that are multiples of <see cref="PeriodBytes"/>.
/// </summary>
/// <param name="WidthBytes">0 for none, else 32, 64 or 128: the span within which units move.</param>
public sealed record Swizzle(int WidthBytes)
{
    private const int UnitBytes = 16;
    private const int RowBytes = 128;

    /// <summary>Addresses stay.</summary>
    public static Swizzle None { get; } = new(0);

    /// <summary>Two units.</summary>
    public static Swizzle Bytes32 { get; } = new(32);

    /// <summary>Four units.</summary>
    public static Swizzle Bytes64 { get; } = new(64);

    /// <summary>Eight units: all banks.</summary>
    public static Swizzle Bytes128 { get; } = new(128);

    /// <summary>All of them.</summary>
    public static IReadOnlyList<Swizzle> All { get; } = [None, Bytes32, Bytes64, Bytes128];

    /// <summary>Bits of the address that change.</summary>
    public int UnitMask => WidthBytes == 0 ? 0 : WidthBytes - UnitBytes;

    /// <summary>Bytes after which the pattern repeats; tiles start at multiples of it.</summary>
    public int PeriodBytes => WidthBytes == 0 ? UnitBytes : WidthBytes / UnitBytes * RowBytes;

    /// <summary>Where a byte lies; applying it twice gives the byte back.</summary>
    public int Apply(int address) => address ^ ((address >> 3) & UnitMask);
}
