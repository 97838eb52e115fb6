using System.Numerics;

namespace Stof.Reference.Cuda.Driver;

/// <summary>
/// The sizes that the pool allocates: four to each power of two, from 512 bytes on. At most a quarter is given away (less than 512 bytes for
/// small buffers), and buffers of similar sizes can take each other's place.
/// </summary>
internal static class SizeClass
{
    /// <summary>The smallest class in bytes.</summary>
    public const long Smallest = 512;

    /// <summary>The smallest class that holds a number of bytes.</summary>
    /// <param name="bytes">At least 1 and at most 2^62.</param>
    public static long Of(long bytes)
    {
        if (bytes <= Smallest)
        {
            return Smallest;
        }

        // The power of two below the last byte, in quarters.
        var step = (1L << BitOperations.Log2((ulong)(bytes - 1))) / 4;
        return (bytes + step - 1) / step * step;
    }
}
