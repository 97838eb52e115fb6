using System.Collections.Immutable;
using Stof.Reference.Cuda.Ptx;

namespace Stof.Reference.Cuda.Truth;

/// <summary>Operands to try instructions out with: edges, values near them, and anything.</summary>
internal static class OperandSampler
{
    private static readonly ImmutableArray<uint> Integers =
    [
        0, 1, 2, 3, 7, 8, 15, 16, 30, 31, 32, 33, 63, 64, 65, 127, 128, 255, 256, 0x7fff, 0x8000, 0xffff, 0x10000, 0x7ffffffe, 0x7fffffff,
        0x80000000, 0x80000001, 0xfffffffe, 0xffffffff, 0x3210, 0x7654, 0xfedc, 0x88888888,
    ];

    private static readonly ImmutableArray<uint> Floats =
    [
        0, 0x80000000, 0x3f800000, 0xbf800000, 0x7f800000, 0xff800000, 0x7fc00000, 0xffc00000, 0x7f800001, 0xffbfffff, 0x7fffffff, 0xffffffff,
        1, 0x80000001, 0x007fffff, 0x807fffff, 0x00800000, 0x80800000, 0x7f7fffff, 0xff7fffff, 0x3f000000, 0xbf000000, 0x40200000, 0x40600000,
        0x4effffff, 0x4f000000, 0xcf000000, 0xcf000001, 0x4f7fffff, 0x4f800000, 0x477fe000, 0x477fefff, 0x477ff000, 0x33000000, 0x33000001, 0x38800000,
        0x387fe000, 0x3f801000, 0x3f803000, 0x3f808000, 0x3f818000, 0x7f7f7fff, 0x7f7f8000, 0x3effffff, 0x4affffff, 0x42b00000, 0xc3150000,
    ];

    private static readonly ImmutableArray<ushort> Halves =
    [
        0, 0x8000, 0x3c00, 0xbc00, 0x7c00, 0xfc00, 0x7e00, 0xfe00, 0x7c01, 0x7fff, 0xffff, 1, 0x8001, 0x03ff, 0x0400, 0x8400, 0x7bff, 0xfbff, 0x3555,
        0x7f80, 0xff80, 0x7f81, 0x7fc0, 0x007f, 0x0080, 0x7f7f, 0x3f80, 0xbf80,
    ];

    private static readonly ImmutableArray<ulong> Longs =
    [
        0, 1, 2, 31, 32, 63, 64, 0x7fffffff, 0x80000000, 0xffffffff, 0x100000000, 0x7fffffffffffffff, 0x8000000000000000, 0x8000000000000001, ulong.MaxValue,
    ];

    private static readonly ImmutableArray<ulong> Doubles =
    [
        0, 0x8000000000000000, 0x3ff0000000000000, 0xbff0000000000000, 0x7ff0000000000000, 0xfff0000000000000, 0x7ff8000000000000, 0xfff8000000000001,
        1, 0x8000000000000001, 0x000fffffffffffff, 0x0010000000000000, 0x7fefffffffffffff, 0x47efffffe0000000, 0x47efffffefffffff, 0x47effffff0000000,
        0x36a0000000000000, 0x3690000000000000, 0x3690000000000001, 0x380fffffe0000000, 0x3ff0000010000000, 0x3ff0000030000000,
    ];

    /// <summary>One operand.</summary>
    /// <param name="random">Where it comes from.</param>
    /// <param name="type">Type of the register.</param>
    public static ulong Next(Random random, RegisterType type) => type switch
    {
        RegisterType.Pred => (ulong)random.Next(2),
        RegisterType.B16 => Half(random),
        RegisterType.F16x2 or RegisterType.BF16x2 => Half(random) | (Half(random) << 16),
        RegisterType.F32 => random.Next(3) switch
        {
            0 => Floats[random.Next(Floats.Length)],
            1 => Any32(random),
            _ => BitConverter.SingleToUInt32Bits((float)((random.NextDouble() - 0.5) * Math.ScaleB(1, random.Next(-20, 12)))),
        },
        RegisterType.F64 => random.Next(3) switch
        {
            0 => Doubles[random.Next(Doubles.Length)],
            1 => (ulong)random.NextInt64(long.MinValue, long.MaxValue),
            _ => BitConverter.DoubleToUInt64Bits((random.NextDouble() - 0.5) * Math.ScaleB(1, random.Next(-160, 130))),
        },
        RegisterType.B64 => random.Next(3) switch
        {
            0 => Longs[random.Next(Longs.Length)],
            1 => (ulong)random.NextInt64(long.MinValue, long.MaxValue),
            _ => (ulong)random.NextInt64(long.MinValue, long.MaxValue) >> random.Next(64),
        },
        _ => random.Next(3) switch
        {
            0 => Integers[random.Next(Integers.Length)],
            1 => Any32(random),
            _ => Any32(random) >> random.Next(32),
        },
    };

    private static uint Any32(Random random) => (uint)random.NextInt64(1L << 32);

    private static ulong Half(Random random) => random.Next(2) == 0 ? Halves[random.Next(Halves.Length)] : (ulong)random.Next(1 << 16);
}
