using System.Runtime.CompilerServices;
using Stof.Reference.Cuda.Ptx.Layouts;

namespace Stof.Reference.Cuda.Ptx;

/// <content>Addresses of layouts.</content>
public sealed partial class KernelBuilder
{
    /// <summary>Where a byte of a tile lies under a swizzle: what <see cref="Swizzle.Apply"/> gives, by three instructions or none.</summary>
    /// <param name="swizzle">How units are exchanged.</param>
    /// <param name="offset">
    /// Bytes from the start of the tile, which is a multiple of <see cref="Swizzle.PeriodBytes"/>; or the address itself.
    /// </param>
    /// <param name="file">Path of the caller.</param>
    /// <param name="line">Line of the caller.</param>
    public B32 Swizzled(Swizzle swizzle, B32 offset, [CallerFilePath] string file = "", [CallerLineNumber] int line = 0)
    {
        ArgumentNullException.ThrowIfNull(swizzle);
        return swizzle.UnitMask == 0 ? offset : Xor(offset, And(ShrU32(offset, 3, file, line), swizzle.UnitMask, file, line), file, line);
    }
}
