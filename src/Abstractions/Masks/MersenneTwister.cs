using System.Numerics;

namespace Stof.Reference.Masks;

/// <summary>
/// MT19937 (Matsumoto and Nishimura 1998) with the seeding and bounded draws of CPython's <c>random.Random</c>: seeding by an
/// array of one word, <c>randbelow</c> by rejection on the top bits of one output.
/// </summary>
public sealed class MersenneTwister
{
    private const int Length = 624;
    private const int Shift = 397;
    private const uint UpperBit = 0x80000000;

    private readonly uint[] _state = new uint[Length];
    private int _next = Length;

    /// <summary>Seeds as <c>random.seed(seed)</c> does for an integer below 2³².</summary>
    public MersenneTwister(uint seed)
    {
        Spread(19650218);
        var i = 1;
        for (var k = 0; k < Length; k++)
        {
            // The key has one word, so its index stays 0.
            _state[i] = (_state[i] ^ ((_state[i - 1] ^ (_state[i - 1] >> 30)) * 1664525)) + seed;
            i = Advance(i);
        }

        for (var k = 1; k < Length; k++)
        {
            _state[i] = (_state[i] ^ ((_state[i - 1] ^ (_state[i - 1] >> 30)) * 1566083941)) - (uint)i;
            i = Advance(i);
        }

        _state[0] = UpperBit;
    }

    /// <summary>The next 32 bits.</summary>
    public uint NextUInt32()
    {
        if (_next == Length)
        {
            Twist();
        }

        var y = _state[_next++];
        y ^= y >> 11;
        y ^= (y << 7) & 0x9D2C5680;
        y ^= (y << 15) & 0xEFC60000;
        return y ^ (y >> 18);
    }

    /// <summary>A uniform number in [0, <paramref name="limit"/>), as CPython's <c>randbelow</c> draws it.</summary>
    /// <param name="limit">1 or more.</param>
    public int Below(int limit)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(limit, 1);
        var drop = BitOperations.LeadingZeroCount((uint)limit);
        while (true)
        {
            var draw = NextUInt32() >> drop;
            if (draw < (uint)limit)
            {
                return (int)draw;
            }
        }
    }

    private void Spread(uint seed)
    {
        _state[0] = seed;
        for (var i = 1; i < Length; i++)
        {
            _state[i] = (1812433253 * (_state[i - 1] ^ (_state[i - 1] >> 30))) + (uint)i;
        }
    }

    private int Advance(int i)
    {
        if (++i < Length)
        {
            return i;
        }

        _state[0] = _state[Length - 1];
        return 1;
    }

    private void Twist()
    {
        // Both indices run around the ring without a division.
        var next = 1;
        var far = Shift;
        for (var i = 0; i < Length; i++)
        {
            var y = (_state[i] & UpperBit) | (_state[next] & ~UpperBit);
            _state[i] = _state[far] ^ (y >> 1) ^ ((y & 1) * 0x9908B0DF);
            next = next + 1 == Length ? 0 : next + 1;
            far = far + 1 == Length ? 0 : far + 1;
        }

        _next = 0;
    }
}
