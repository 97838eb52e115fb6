using System.Numerics;

namespace Stof.Reference.Cuda.Tests.Ptx;

/// <summary>
/// What each register instruction gives, written a second time: integers through unbounded ones, floats through exact numbers that are
/// rounded once. Sources come as bits, results go as bits; several destinations are several results.
/// </summary>
internal static class Expectations
{
    private static readonly FloatFormat F32 = FloatFormat.F32;
    private static readonly FloatFormat F64 = FloatFormat.F64;

    /// <summary>By signature.</summary>
    public static Dictionary<string, Func<ulong[], ulong[]>> All { get; } = Integers().Concat(Bits()).Concat(Floats()).Concat(Moves())
        .Concat(Conversions()).Concat(PackedPairs("f16x2", FloatFormat.F16)).Concat(PackedPairs("bf16x2", FloatFormat.BF16))
        .Concat(Compared()).Concat(Special())
        .ToDictionary(entry => entry.Signature, entry => entry.F);

    private static IEnumerable<(string Signature, Func<ulong[], ulong[]> F)> Integers()
    {
        yield return Word2("add.s32", (a, b) => a + b);
        yield return Word2("sub.s32", (a, b) => a - b);
        yield return Word2("mul.lo.s32", (a, b) => a * b);
        yield return Word2("mul.hi.u32", (a, b) => (a * b) >> 32);
        yield return Word2("mul.hi.s32", (a, b) => (Signed(a) * Signed(b)) >> 32);
        yield return Word2("min.u32", BigInteger.Min);
        yield return Word2("max.u32", BigInteger.Max);
        yield return Word2("min.s32", (a, b) => BigInteger.Min(Signed(a), Signed(b)));
        yield return Word2("max.s32", (a, b) => BigInteger.Max(Signed(a), Signed(b)));
        yield return Word2("div.u32", (a, b) => b.IsZero ? -1 : a / b);
        yield return Word2("rem.u32", (a, b) => b.IsZero ? -1 : a % b);
        yield return Word2("div.s32", (a, b) => b.IsZero ? -1 : Signed(a) / Signed(b));
        yield return Word2("rem.s32", (a, b) => b.IsZero ? -1 : BigInteger.Remainder(Signed(a), Signed(b)));
        yield return ("mad.lo.s32 b32, b32, b32, b32", x => [Low(((BigInteger)x[0] * x[1]) + x[2], 32)]);
        yield return ("mul.wide.u32 b64, b32, b32", x => [Low((BigInteger)x[0] * x[1], 64)]);
        yield return ("mul.wide.s32 b64, b32, b32", x => [Low(Signed(x[0]) * Signed(x[1]), 64)]);
        yield return ("mad.wide.u32 b64, b32, b32, b64", x => [Low(((BigInteger)x[0] * x[1]) + x[2], 64)]);
        yield return ("mad.wide.s32 b64, b32, b32, b64", x => [Low((Signed(x[0]) * Signed(x[1])) + x[2], 64)]);
        yield return ("neg.s32 b32, b32", x => [Low(-(BigInteger)x[0], 32)]);
        yield return ("abs.s32 b32, b32", x => [Low(BigInteger.Abs(Signed(x[0])), 32)]);
        yield return Long2("add.s64", (a, b) => a + b);
        yield return Long2("sub.s64", (a, b) => a - b);
        yield return Long2("mul.lo.s64", (a, b) => a * b);
        yield return Long2("min.u64", BigInteger.Min);
        yield return Long2("max.u64", BigInteger.Max);
        yield return Long2("min.s64", (a, b) => BigInteger.Min(Signed(a, 64), Signed(b, 64)));
        yield return Long2("max.s64", (a, b) => BigInteger.Max(Signed(a, 64), Signed(b, 64)));
    }

    private static IEnumerable<(string Signature, Func<ulong[], ulong[]> F)> Bits()
    {
        foreach (var (type, bits) in new[] { ("b32", 32), ("b64", 64) })
        {
            yield return ($"and.{type} {type}, {type}, {type}", x => [Bitwise(bits, i => Bit(x[0], i) && Bit(x[1], i))]);
            yield return ($"or.{type} {type}, {type}, {type}", x => [Bitwise(bits, i => Bit(x[0], i) || Bit(x[1], i))]);
            yield return ($"xor.{type} {type}, {type}, {type}", x => [Bitwise(bits, i => Bit(x[0], i) != Bit(x[1], i))]);
            yield return ($"not.{type} {type}, {type}", x => [Bitwise(bits, i => !Bit(x[0], i))]);
            yield return ($"shl.{type} {type}, {type}, b32", x => [Bitwise(bits, i => (ulong)i >= x[1] && Bit(x[0], i - (int)x[1]))]);
            yield return ($"shr.u{bits} {type}, {type}, b32",
                x => [Bitwise(bits, i => (ulong)i + x[1] < (ulong)bits && Bit(x[0], i + (int)x[1]))]);
            yield return ($"shr.s{bits} {type}, {type}, b32",
                x => [Bitwise(bits, i => Bit(x[0], (int)Math.Min((ulong)i + x[1], (ulong)bits - 1)))]);
            yield return ($"popc.{type} b32, {type}", x => [(ulong)Enumerable.Range(0, bits).Count(i => Bit(x[0], i))]);
            yield return ($"clz.{type} b32, {type}",
                x => [(ulong)Enumerable.Range(0, bits).TakeWhile(i => !Bit(x[0], bits - 1 - i)).Count()]);
        }

        yield return ("brev.b32 b32, b32", x => [Bitwise(32, i => Bit(x[0], 31 - i))]);
        yield return ("shf.l.wrap.b32 b32, b32, b32, b32", x => [Bitwise(32, i => Bit(x[0] | (x[1] << 32), 32 + i - (int)(x[2] % 32)))]);
        yield return ("shf.r.wrap.b32 b32, b32, b32, b32", x => [Bitwise(32, i => Bit(x[0] | (x[1] << 32), i + (int)(x[2] % 32)))]);

        // The loops of the ISA's pages of bfe and bfi.
        yield return ("bfe.u32 b32, b32, b32, b32", x => [Extracted(x, _ => false)]);
        yield return ("bfe.s32 b32, b32, b32, b32", x => [Extracted(x, top => (x[2] & 255) != 0 && Bit(x[0], top))]);
        yield return ("bfi.b32 b32, b32, b32, b32, b32", x => [Inserted(x[0], x[1], (int)(x[2] & 255), (int)(x[3] & 255))]);
        yield return ("lop3.b32 b32, b32, b32, b32, #b32", x =>
            [Bitwise(32, i => Bit(x[3], (Bit(x[0], i) ? 4 : 0) + (Bit(x[1], i) ? 2 : 0) + (Bit(x[2], i) ? 1 : 0)))]);
        yield return Permutation("", (nibbles, i) => (int)(nibbles >> (4 * i)) & 15);
        yield return Permutation(".f4e", (control, i) => new[] { "3210", "4321", "5432", "6543" }[control & 3][3 - i] - '0');
        yield return Permutation(".b4e", (control, i) => new[] { "5670", "6701", "7012", "0123" }[control & 3][3 - i] - '0');
        yield return Permutation(".rc8", (control, i) => (int)control & 3);
        yield return Permutation(".ecl", (control, i) => new[] { "3210", "3211", "3222", "3333" }[control & 3][3 - i] - '0');
        yield return Permutation(".ecr", (control, i) => new[] { "0000", "1110", "2210", "3210" }[control & 3][3 - i] - '0');
        yield return Permutation(".rc16", (control, i) => new[] { "1010", "3232", "1010", "3232" }[control & 3][3 - i] - '0');
    }

    private static IEnumerable<(string Signature, Func<ulong[], ulong[]> F)> Floats()
    {
        foreach (var (type, format) in new[] { ("f32", F32), ("f64", F64) })
        {
            yield return ($"add.rn.{type} {type}, {type}, {type}", x => [format.Encode(format.Decode(x[0]) + format.Decode(x[1]))]);
            yield return ($"sub.rn.{type} {type}, {type}, {type}", x => [format.Encode(format.Decode(x[0]) + -format.Decode(x[1]))]);
            yield return ($"mul.rn.{type} {type}, {type}, {type}", x => [format.Encode(format.Decode(x[0]) * format.Decode(x[1]))]);
            yield return ($"div.rn.{type} {type}, {type}, {type}", x => [format.Encode(format.Decode(x[0]) / format.Decode(x[1]))]);
            yield return ($"min.{type} {type}, {type}, {type}", x => [Smaller(format, x[0], x[1], -1)]);
            yield return ($"max.{type} {type}, {type}, {type}", x => [Smaller(format, x[0], x[1], 1)]);
            yield return ($"fma.rn.{type} {type}, {type}, {type}, {type}",
                x => [format.Encode((format.Decode(x[0]) * format.Decode(x[1])) + format.Decode(x[2]))]);
        }

        yield return ("abs.f32 f32, f32", x => [F32.Encode(F32.Decode(x[0]) with { IsNegative = false })]);
        yield return ("neg.f32 f32, f32", x => [F32.Encode(-F32.Decode(x[0]))]);
        yield return ("sqrt.rn.f32 f32, f32", x => [F32.Encode(F32.Decode(x[0]).SquareRoot())]);
        yield return ("rcp.rn.f32 f32, f32", x => [F32.Encode(F32.Decode(0x3f800000) / F32.Decode(x[0]))]);
    }

    private static IEnumerable<(string Signature, Func<ulong[], ulong[]> F)> PackedPairs(string type, FloatFormat format)
    {
        (string, Func<ulong[], ulong[]>) Pair(string name, int sources, Func<ulong[], ulong> f) => (
            $"{name}.{type} {string.Join(", ", Enumerable.Repeat(type, sources + 1))}",
            x => [f([.. x.Select(both => both & 0xffff)]) | (f([.. x.Select(both => both >> 16)]) << 16)]);

        yield return Pair("add.rn", 2, x => format.Encode(format.Decode(x[0]) + format.Decode(x[1])));
        yield return Pair("sub.rn", 2, x => format.Encode(format.Decode(x[0]) + -format.Decode(x[1])));
        yield return Pair("mul.rn", 2, x => format.Encode(format.Decode(x[0]) * format.Decode(x[1])));
        yield return Pair("fma.rn", 3, x => format.Encode((format.Decode(x[0]) * format.Decode(x[1])) + format.Decode(x[2])));
        yield return Pair("min", 2, x => Smaller(format, x[0], x[1], -1));
        yield return Pair("max", 2, x => Smaller(format, x[0], x[1], 1));
        yield return Pair("neg", 1, x => format.Decode(x[0]).IsNaN ? 0x7fff : x[0] < 0x8000 ? x[0] + 0x8000 : x[0] - 0x8000);
        yield return Pair("abs", 1, x => format.Decode(x[0]).IsNaN ? 0x7fff : x[0] % 0x8000);
    }

    private static IEnumerable<(string Signature, Func<ulong[], ulong[]> F)> Moves()
    {
        foreach (var type in new[] { "pred", "b16", "b32", "b64", "f32", "f64" })
        {
            yield return ($"mov.{type} {type}, {type}", x => [x[0]]);
            if (type != "pred")
            {
                yield return ($"selp.{type} {type}, {type}, {type}, pred", x => [x[2] == 1 ? x[0] : x[1]]);
            }
        }

        yield return ("mov.b32 b32, {b16, b16}", x => [x[0] + (65536 * x[1])]);
        yield return ("mov.b32 {b16, b16}, b32", x => [x[0] % 65536, x[0] / 65536]);
        yield return ("mov.b64 b64, {b32, b32}", x => [x[0] + ((1UL << 32) * x[1])]);
        yield return ("mov.b64 {b32, b32}, b64", x => [x[0] % (1UL << 32), x[0] / (1UL << 32)]);
        yield return ("and.pred pred, pred, pred", x => [x[0] * x[1]]);
        yield return ("or.pred pred, pred, pred", x => [Math.Max(x[0], x[1])]);
        yield return ("xor.pred pred, pred, pred", x => [(x[0] + x[1]) % 2]);
        yield return ("not.pred pred, pred", x => [1 - x[0]]);

        // A warp of its own: warp 0 of block 0 in a grid of one block of 32 threads.
        foreach (var register in new[] { "tid.y", "tid.z", "ctaid.x", "ctaid.y", "ctaid.z", "cluster_ctarank" })
        {
            yield return ($"mov.u32 b32, %{register}", _ => [0]);
        }

        foreach (var register in new[] { "nctaid.x", "nctaid.y", "nctaid.z", "cluster_nctaid.x" })
        {
            yield return ($"mov.u32 b32, %{register}", _ => [1]);
        }

        yield return ("mov.u32 b32, %ntid.x", _ => [32]);
        yield return ("mov.u64 b64, %clock64", _ => [0]);
    }

    private static IEnumerable<(string Signature, Func<ulong[], ulong[]> F)> Conversions()
    {
        yield return ("cvt.f32.f16 f32, b16", x => [F32.Encode(FloatFormat.F16.Decode(x[0]))]);
        yield return ("cvt.rn.f16.f32 b16, f32", x => [FloatFormat.F16.Encode(F32.Decode(x[0]))]);
        yield return ("cvt.rn.bf16.f32 b16, f32", x => [FloatFormat.BF16.Encode(F32.Decode(x[0]))]);
        yield return ("cvt.rn.f16x2.f32 f16x2, f32, f32",
            x => [(FloatFormat.F16.Encode(F32.Decode(x[0])) << 16) + FloatFormat.F16.Encode(F32.Decode(x[1]))]);
        yield return ("cvt.rn.bf16x2.f32 bf16x2, f32, f32",
            x => [(FloatFormat.BF16.Encode(F32.Decode(x[0])) << 16) + FloatFormat.BF16.Encode(F32.Decode(x[1]))]);
        yield return ("cvt.rna.tf32.f32 b32, f32", x => [RoundedToTF32(x[0])]);
        yield return ("cvt.rn.f32.s32 f32, b32", x => [F32.Encode(ExactFloat.Of(Signed(x[0])))]);
        yield return ("cvt.rn.f32.u32 f32, b32", x => [F32.Encode(ExactFloat.Of(x[0]))]);
        yield return ("cvt.rzi.s32.f32 b32, f32", x => [Whole(x[0], int.MinValue, int.MaxValue, both => both.TowardsZero)]);
        yield return ("cvt.rni.s32.f32 b32, f32", x => [Whole(x[0], int.MinValue, int.MaxValue, both => both.Nearest)]);
        yield return ("cvt.rzi.u32.f32 b32, f32", x => [Whole(x[0], 0, uint.MaxValue, both => both.TowardsZero)]);
        yield return ("cvt.rni.f32.f32 f32, f32", x => [WholeFloat(x[0], (value, both) => both.Nearest)]);
        yield return ("cvt.rmi.f32.f32 f32, f32", x => [WholeFloat(
            x[0], (value, both) => both.TowardsZero + (value.IsNegative && value.Order(ExactFloat.Of(-both.TowardsZero)) < 0 ? 1 : 0))]);
        yield return ("cvt.rpi.f32.f32 f32, f32", x => [WholeFloat(
            x[0], (value, both) => both.TowardsZero + (!value.IsNegative && value.Order(ExactFloat.Of(both.TowardsZero)) > 0 ? 1 : 0))]);
        yield return ("cvt.f64.f32 f64, f32", x => [F64.Encode(F32.Decode(x[0]))]);
        yield return ("cvt.rn.f32.f64 f32, f64", x => [F64.Decode(x[0]).IsNaN
            ? (x[0] >> 63 << 31) + 0x7fc00000 + (x[0] / (1UL << 29) % 0x400000)
            : F32.Encode(F64.Decode(x[0]))]);
        yield return ("cvt.u64.u32 b64, b32", x => [x[0]]);
        yield return ("cvt.s64.s32 b64, b32", x => [Low(Signed(x[0]), 64)]);
        yield return ("cvt.u32.u64 b32, b64", x => [x[0] % (1UL << 32)]);
        yield return ("cvt.u32.u16 b32, b16", x => [x[0]]);
        yield return ("cvt.s32.s16 b32, b16", x => [Low(Signed(x[0], 16), 32)]);
        yield return ("cvt.u16.u32 b16, b32", x => [x[0] % 65536]);
    }

    private static IEnumerable<(string Signature, Func<ulong[], ulong[]> F)> Compared()
    {
        var comparisons = new (string Name, Func<int, bool> Holds)[]
        {
            ("eq", order => order == 0), ("ne", order => order is -1 or 1), ("lt", order => order == -1),
            ("le", order => order is -1 or 0), ("gt", order => order == 1), ("ge", order => order is 0 or 1),
        };
        foreach (var (name, holds) in comparisons)
        {
            foreach (var bits in new[] { 32, 64 })
            {
                yield return ($"setp.{name}.u{bits} pred, b{bits}, b{bits}", x => [holds(x[0].CompareTo(x[1])) ? 1u : 0]);
                yield return ($"setp.{name}.s{bits} pred, b{bits}, b{bits}",
                    x => [holds(Signed(x[0], bits).CompareTo(Signed(x[1], bits))) ? 1u : 0]);
            }

            yield return ($"setp.{name}.f32 pred, f32, f32", x => [holds(F32.Decode(x[0]).Order(F32.Decode(x[1]))) ? 1u : 0]);
            yield return ($"setp.{name}u.f32 pred, f32, f32",
                x => [F32.Decode(x[0]).Order(F32.Decode(x[1])) is var order && (order == 2 || holds(order)) ? 1u : 0]);
            yield return ($"setp.{name}.f64 pred, f64, f64", x => [holds(F64.Decode(x[0]).Order(F64.Decode(x[1]))) ? 1u : 0]);
        }

        yield return ("setp.nan.f32 pred, f32, f32", x => [F32.Decode(x[0]).Order(F32.Decode(x[1])) == 2 ? 1u : 0]);
    }

    private static IEnumerable<(string Signature, Func<ulong[], ulong[]> F)> Special()
    {
        var functions = new (string Name, Func<double, double> F)[]
        {
            ("ex2", a => Math.Exp(a * Math.Log(2))),
            ("lg2", a => Math.Log(a) / Math.Log(2)),
            ("rcp", a => Math.CopySign(Math.Pow(a, -1), a)),
            ("rsqrt", a => a < 0 ? double.NaN : a == 0 ? Math.CopySign(double.PositiveInfinity, a) : Math.Pow(a, -0.5)),
            ("sqrt", a => a == 0 ? a : double.IsNegative(a) ? double.NaN : Math.Pow(a, 0.5)),
            ("sin", a => a == 0 ? a : 2 * Math.SinCos(a / 2).Sin * Math.SinCos(a / 2).Cos),
            ("cos", a => 1 - (2 * Math.SinCos(a / 2).Sin * Math.SinCos(a / 2).Sin)),
        };
        foreach (var (name, f) in functions)
        {
            yield return ($"{name}.approx.f32 f32, f32", x => [Single(f(BitConverter.UInt32BitsToSingle((uint)x[0])))]);
            yield return ($"{name}.approx.ftz.f32 f32, f32",
                x => [Flushed(Single(f(BitConverter.UInt32BitsToSingle((uint)Flushed(x[0])))))]);
        }

        yield return ("tanh.approx.f32 f32, f32", x => [Single(HyperbolicTangent(BitConverter.UInt32BitsToSingle((uint)x[0])))]);
    }

    private static (string, Func<ulong[], ulong[]>) Word2(string name, Func<BigInteger, BigInteger, BigInteger> f) =>
        ($"{name} b32, b32, b32", x => [Low(f(x[0], x[1]), 32)]);

    private static (string, Func<ulong[], ulong[]>) Long2(string name, Func<BigInteger, BigInteger, BigInteger> f) =>
        ($"{name} b64, b64, b64", x => [Low(f(x[0], x[1]), 64)]);

    private static (string, Func<ulong[], ulong[]>) Permutation(string mode, Func<ulong, int, int> nibble) =>
        ($"prmt.b32{mode} b32, b32, b32, b32", x => [Permuted((uint)x[0], (uint)x[1], i => nibble(x[2], i))]);

    private static ulong Permuted(uint a, uint b, Func<int, int> nibble)
    {
        byte[] bytes = [.. BitConverter.GetBytes(a), .. BitConverter.GetBytes(b)];
        var chosen = Enumerable.Range(0, 4).Select(nibble).Select(n => n < 8 ? bytes[n] : (byte)(bytes[n - 8] >= 128 ? 255 : 0));
        return BitConverter.ToUInt32([.. chosen]);
    }

    private static ulong Inserted(ulong a, ulong b, int position, int length) =>
        Bitwise(32, i => i >= position && i < position + length ? Bit(a, i - position) : Bit(b, i));

    // Half a unit more, then cut off: ties go away from zero.
    private static ulong RoundedToTF32(ulong bits)
    {
        var value = F32.Decode(bits);
        return value.IsNaN ? bits - (bits % 8192) // what tf32 lacks is cut off
            : value.IsInfinite ? bits
            : (Math.Min((bits & 0x7fffffff) + 4096, F32.Infinity) / 8192 * 8192) | (bits & F32.SignBit);
    }

    private static ulong Flushed(ulong bits) => (bits & 0x7f800000) == 0 ? bits & 0x80000000 : bits;

    private static double HyperbolicTangent(double a) =>
        Math.Abs(a) < 1e-3 ? a - (a * a * a / 3)
        : Math.Abs(a) > 40 ? Math.Sign(a)
        : (Math.Exp(a) - Math.Exp(-a)) / (Math.Exp(a) + Math.Exp(-a));

    private static ulong Extracted(ulong[] x, Func<int, bool> fill)
    {
        var (position, length) = ((int)(x[1] & 255), (int)(x[2] & 255));
        var above = fill(Math.Min(position + length - 1, 31) is var top && top < 0 ? 0 : top);
        return Bitwise(32, i => i < length && position + i <= 31 ? Bit(x[0], position + i) : above);
    }

    private static ulong Smaller(FloatFormat format, ulong a, ulong b, int sign)
    {
        var (left, right) = (format.Decode(a), format.Decode(b));
        var order = left.Order(right);
        return order switch
        {
            2 => left.IsNaN ? format.Encode(right) : a,
            0 => left.IsNegative == (sign < 0) ? a : b,
            _ => order == sign ? a : b,
        };
    }

    private static ulong Whole(ulong bits, long minimum, long maximum, Func<(BigInteger Nearest, BigInteger TowardsZero), BigInteger> choose)
    {
        var value = F32.Decode(bits);
        var whole = value.IsNaN ? 0
            : value.IsInfinite ? (value.IsNegative ? minimum : maximum)
            : choose(value.RoundTo(0)) * (value.IsNegative ? -1 : 1);
        return Low(BigInteger.Clamp(whole, minimum, maximum), 32);
    }

    private static ulong WholeFloat(ulong bits, Func<ExactFloat, (BigInteger Nearest, BigInteger TowardsZero), BigInteger> choose)
    {
        var value = F32.Decode(bits);
        return F32.Encode(value.IsNaN || value.IsInfinite ? value : value with { Digits = choose(value, value.RoundTo(0)), Exponent = 0 });
    }

    private static ulong Single(double value) => double.IsNaN(value) ? 0x7fffffff : BitConverter.SingleToUInt32Bits((float)value);

    private static bool Bit(ulong value, int index) => ((value >> index) & 1) == 1;

    private static ulong Bitwise(int bits, Func<int, bool> bit) =>
        Enumerable.Range(0, bits).Aggregate(0UL, (result, i) => bit(i) ? result | (1UL << i) : result);

    private static BigInteger Signed(BigInteger bits, int count = 32) =>
        bits >= BigInteger.One << (count - 1) ? bits - (BigInteger.One << count) : bits;

    private static ulong Low(BigInteger value, int bits) => (ulong)(value & ((BigInteger.One << bits) - 1));
}
