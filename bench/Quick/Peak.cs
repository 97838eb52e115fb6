using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using Stof.Reference.Cpu.Threading;

namespace Stof.Reference.Bench.Quick;

/// <summary>What this machine can do right now: fused multiply-adds from registers, reads and copies of memory.</summary>
internal static class Peak
{
    private const int Iterations = 400_000;
    private const int Chains = 12; // latency 4 at two a cycle needs eight
    private const int ReadStep = 64; // floats: four lines at a time

    /// <summary>Best GFLOP/s of a register-only loop of fused multiply-adds on every worker at once.</summary>
    public static double FmaGflops(WorkerPool pool)
    {
        var (action, work) = FmaLoop(pool);
        return work / Timing.Of(action).BestSeconds / 1e9;
    }

    /// <summary>A register-only loop of fused multiply-adds on every worker at once, and its floating-point operations.</summary>
    public static (Action Action, double Work) FmaLoop(WorkerPool pool)
    {
        var sink = new float[pool.Threads];
        var lanes = Vector512.IsHardwareAccelerated ? 16 : 8;
        return (
            () => pool.Run(pool.Threads, (task, _) => sink[task] = Vector512.IsHardwareAccelerated ? Loop512(Iterations) : Loop256(Iterations)),
            2.0 * lanes * Chains * Iterations * pool.Threads);
    }

    /// <summary>Best GB/s of reading a buffer of this size, a part of it on every worker at once.</summary>
    public static double ReadGigabytes(WorkerPool pool, long bytes)
    {
        var part = (int)Math.Max(ReadStep, bytes / sizeof(float) / pool.Threads / ReadStep * ReadStep);
        var source = new float[part * pool.Threads];
        Array.Fill(source, 1f);
        var sink = new float[pool.Threads];
        var timing = Timing.Of(() => pool.Run(pool.Threads, (task, _) => sink[task] = Sum(source.AsSpan(task * part, part))));
        return (double)sizeof(float) * source.Length / timing.BestSeconds / 1e9;
    }

    /// <summary>Best GB/s, read plus written, of copying a buffer of this size on every worker at once.</summary>
    public static double CopyGigabytes(WorkerPool pool, int bytes)
    {
        var source = new byte[bytes];
        var target = new byte[bytes];
        new Random(1).NextBytes(source);
        var part = bytes / pool.Threads;
        var timing = Timing.Of(() => pool.Run(pool.Threads, (task, _) =>
            source.AsSpan(task * part, part).CopyTo(target.AsSpan(task * part, part))));
        return 2.0 * part * pool.Threads / timing.BestSeconds / 1e9;
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static float Sum(ReadOnlySpan<float> values)
    {
        Vector512<float> a = default, b = default, c = default, d = default;
        for (; values.Length >= ReadStep; values = values[ReadStep..])
        {
            a += Vector512.Create(values);
            b += Vector512.Create(values[16..]);
            c += Vector512.Create(values[32..]);
            d += Vector512.Create(values[48..]);
        }

        return Vector512.Sum(a + b + c + d);
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static float Loop512(int iterations)
    {
        Vector512<float> a = default, b = default, c = default, d = default, e = default, f = default;
        Vector512<float> g = default, h = default, i = default, j = default, k = default, l = default;
        var x = Vector512.Create(0.999f);
        var y = Vector512.Create(0.001f);
        for (var n = 0; n < iterations; n++)
        {
            a = Vector512.FusedMultiplyAdd(a, x, y);
            b = Vector512.FusedMultiplyAdd(b, x, y);
            c = Vector512.FusedMultiplyAdd(c, x, y);
            d = Vector512.FusedMultiplyAdd(d, x, y);
            e = Vector512.FusedMultiplyAdd(e, x, y);
            f = Vector512.FusedMultiplyAdd(f, x, y);
            g = Vector512.FusedMultiplyAdd(g, x, y);
            h = Vector512.FusedMultiplyAdd(h, x, y);
            i = Vector512.FusedMultiplyAdd(i, x, y);
            j = Vector512.FusedMultiplyAdd(j, x, y);
            k = Vector512.FusedMultiplyAdd(k, x, y);
            l = Vector512.FusedMultiplyAdd(l, x, y);
        }

        return Vector512.Sum(a + b + c + d + e + f + g + h + i + j + k + l);
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static float Loop256(int iterations)
    {
        Vector256<float> a = default, b = default, c = default, d = default, e = default, f = default;
        Vector256<float> g = default, h = default, i = default, j = default, k = default, l = default;
        var x = Vector256.Create(0.999f);
        var y = Vector256.Create(0.001f);
        for (var n = 0; n < iterations; n++)
        {
            a = Vector256.FusedMultiplyAdd(a, x, y);
            b = Vector256.FusedMultiplyAdd(b, x, y);
            c = Vector256.FusedMultiplyAdd(c, x, y);
            d = Vector256.FusedMultiplyAdd(d, x, y);
            e = Vector256.FusedMultiplyAdd(e, x, y);
            f = Vector256.FusedMultiplyAdd(f, x, y);
            g = Vector256.FusedMultiplyAdd(g, x, y);
            h = Vector256.FusedMultiplyAdd(h, x, y);
            i = Vector256.FusedMultiplyAdd(i, x, y);
            j = Vector256.FusedMultiplyAdd(j, x, y);
            k = Vector256.FusedMultiplyAdd(k, x, y);
            l = Vector256.FusedMultiplyAdd(l, x, y);
        }

        return Vector256.Sum(a + b + c + d + e + f + g + h + i + j + k + l);
    }
}
