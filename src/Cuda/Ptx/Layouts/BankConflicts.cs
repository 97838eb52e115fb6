using System.Numerics;

namespace Stof.Reference.Cuda.Ptx.Layouts;

/// <summary>
/// Shared memory has 32 banks of 4 bytes; a pass serves each bank one word. 4-byte accesses of a warp go in one pass, 8-byte ones in two
/// (16 lanes each), 16-byte ones and the rows of <c>ldmatrix</c> in four (8 lanes each), unless lanes want different words of a bank.
/// </summary>
public static class BankConflicts
{
    /// <summary>Banks.</summary>
    public const int Banks = 32;

    private const int WordBytes = 4;

    /// <summary>Passes that an access of a warp takes.</summary>
    /// <param name="addresses">Byte address of each lane, multiples of <paramref name="bytes"/>; at most 32.</param>
    /// <param name="bytes">Width of a lane's access: 1, 2, 4, 8 or 16.</param>
    /// <param name="lanes">Bit l is set if lane l takes part.</param>
    /// <exception cref="InvalidInputException">The width is another, or there are more than 32 lanes.</exception>
    public static int Passes(ReadOnlySpan<int> addresses, int bytes, uint lanes = uint.MaxValue)
    {
        if (bytes is not (1 or 2 or 4 or 8 or 16))
        {
            throw new InvalidInputException(nameof(bytes), $"{bytes}", "1, 2, 4, 8 or 16");
        }

        if (addresses.Length > 32)
        {
            throw new InvalidInputException(nameof(addresses), $"{addresses.Length} lanes", "at most 32");
        }

        var perPass = 32 * WordBytes / Math.Max(bytes, WordBytes);
        var passes = 0;
        for (var first = 0; first < addresses.Length; first += perPass)
        {
            passes += PassesOfGroup(addresses[first..Math.Min(first + perPass, addresses.Length)], bytes, lanes >> first);
        }

        return passes;
    }

    /// <summary>Passes beyond those that the lanes' bytes need anyway; 0 means free of conflicts.</summary>
    /// <inheritdoc cref="Passes"/>
    public static int Extra(ReadOnlySpan<int> addresses, int bytes, uint lanes = uint.MaxValue)
    {
        var perPass = 32 * WordBytes / Math.Max(bytes, WordBytes);
        var needed = 0;
        for (var first = 0; first < addresses.Length; first += perPass)
        {
            var mask = perPass == 32 ? uint.MaxValue : (1u << perPass) - 1;
            needed += BitOperations.PopCount((lanes >> first) & mask & (uint)((1L << (addresses.Length - first)) - 1)) > 0 ? 1 : 0;
        }

        return Passes(addresses, bytes, lanes) - needed;
    }

    // The bank with the most different words.
    private static int PassesOfGroup(ReadOnlySpan<int> addresses, int bytes, uint lanes)
    {
        Span<int> words = stackalloc int[addresses.Length * Math.Max(bytes / WordBytes, 1)];
        Span<int> perBank = stackalloc int[Banks];
        var count = 0;
        var passes = 0;
        for (var lane = 0; lane < addresses.Length; lane++)
        {
            if ((lanes & (1u << lane)) == 0)
            {
                continue;
            }

            for (var word = addresses[lane] / WordBytes; word <= (addresses[lane] + bytes - 1) / WordBytes; word++)
            {
                if (!words[..count].Contains(word))
                {
                    words[count++] = word;
                    passes = Math.Max(passes, ++perBank[word % Banks]);
                }
            }
        }

        return passes;
    }
}
