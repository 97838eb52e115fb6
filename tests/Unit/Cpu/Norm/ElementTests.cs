using System.Runtime.InteropServices;
using System.Runtime.Intrinsics;
using Stof.Reference.Cpu.Simd;
using Stof.Reference.Numerics;

namespace Stof.Reference.Unit.Tests.Cpu.Norm;

/// <summary>The vector conversions of the storage types against the scalar ones.</summary>
public sealed unsafe class ElementTests
{
    private const int Lanes = 16;

    [Fact]
    public void Every_half_is_widened_as_the_runtime_widens_it() =>
        RequireWidened<ElementF16>(bits => (float)BitConverter.UInt16BitsToHalf(bits));

    [Fact]
    public void Every_bfloat16_is_widened_as_its_definition_says() =>
        RequireWidened<ElementBF16>(bits => (float)BFloat16.FromBits(bits));

    [Fact]
    public void Floats_are_rounded_to_halves_as_the_runtime_rounds_them() =>
        RequireRounded<ElementF16>(value => BitConverter.HalfToUInt16Bits((Half)value), bits => Half.IsNaN(BitConverter.UInt16BitsToHalf(bits)), 13);

    [Fact]
    public void Floats_are_rounded_to_bfloat16_as_the_scalar_type_rounds_them() =>
        RequireRounded<ElementBF16>(value => ((BFloat16)value).Bits, bits => float.IsNaN((float)BFloat16.FromBits(bits)), 16);

    private static void RequireWidened<T>(Func<ushort, float> exact)
        where T : struct, IElement
    {
        var source = stackalloc ushort[Lanes];
        for (var start = 0; start <= ushort.MaxValue; start += Lanes)
        {
            for (var i = 0; i < Lanes; i++)
            {
                source[i] = (ushort)(start + i);
            }

            var found = T.Load((byte*)source);
            for (var i = 0; i < Lanes; i++)
            {
                var expected = exact(source[i]);
                var isSame = BitConverter.SingleToUInt32Bits(expected) == BitConverter.SingleToUInt32Bits(found[i]);
                Assert.True(isSame || (float.IsNaN(expected) && float.IsNaN(found[i])), $"0x{source[i]:X4}: {found[i]:R}, not {expected:R}");
            }
        }
    }

    // Every exponent and sign with significands around the middles between two results, where rounding can go wrong.
    private static void RequireRounded<T>(Func<float, ushort> exact, Func<ushort, bool> isNan, int lostBits)
        where T : struct, IElement
    {
        const int Seed = 5;
        var random = new Random(Seed);
        var memory = (ushort*)NativeMemory.AlignedAlloc(3 * 64, 64);
        try
        {
            for (var head = 0; head < 512; head++)
            {
                for (var round = 0; round < 40; round++)
                {
                    var bits = new uint[2 * Lanes];
                    for (var i = 0; i < bits.Length; i++)
                    {
                        var kept = (uint)random.Next(1 << 23) >> lostBits << lostBits;
                        var lost = (1u << (lostBits - 1)) + (uint)random.Next(-1, 2);
                        bits[i] = ((uint)head << 23) | (round % 2 == 0 ? kept | lost : (uint)random.Next(1 << 23));
                    }

                    var first = Vector512.Create(bits.AsSpan(0, Lanes)).AsSingle();
                    var second = Vector512.Create(bits.AsSpan(Lanes)).AsSingle();
                    T.Store((byte*)memory, first);
                    T.Store((byte*)(memory + Lanes), second);
                    var single = new Span<ushort>(memory, 2 * Lanes).ToArray();
                    T.StorePair<Without>((byte*)(memory + 32), Lanes * T.Size, first, second);
                    Assert.Equal(single, new Span<ushort>(memory + 32, 2 * Lanes).ToArray());
                    T.StorePair<With>((byte*)(memory + 64), Lanes * T.Size, first, second);
                    Assert.Equal(single, new Span<ushort>(memory + 64, 2 * Lanes).ToArray());
                    for (var i = 0; i < bits.Length; i++)
                    {
                        var value = BitConverter.UInt32BitsToSingle(bits[i]);
                        var isRight = float.IsNaN(value) ? isNan(single[i]) : exact(value) == single[i];
                        Assert.True(isRight, $"{value:R} (0x{bits[i]:X8}) became 0x{single[i]:X4}, not 0x{exact(value):X4}; seed {Seed}");
                    }
                }
            }
        }
        finally
        {
            NativeMemory.AlignedFree(memory);
        }
    }
}
