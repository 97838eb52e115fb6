namespace Stof.Reference.Masks;

/// <summary>
/// SplitMix64 (Steele, Lea, Flood 2014): the state grows by 0x9E3779B97F4A7C15 a draw, and three multiply-and-shift steps turn it into 64
/// bits. Whole-number arithmetic only: the same draws on every machine.
/// </summary>
/// <param name="state">The state before the first draw; any value.</param>
public sealed class SplitMix64(ulong state)
{
    private ulong _state = state;

    /// <summary>The next 64 bits.</summary>
    public ulong Next()
    {
        unchecked
        {
            _state += 0x9E3779B97F4A7C15;
            var z = (_state ^ (_state >> 30)) * 0xBF58476D1CE4E5B9;
            z = (z ^ (z >> 27)) * 0x94D049BB133111EB;
            return z ^ (z >> 31);
        }
    }
}
