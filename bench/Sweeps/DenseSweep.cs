using System.Globalization;
using Stof.Reference.Bench.Quick;
using Stof.Reference.Cpu.Simd.Attention;
using Stof.Reference.Cpu.Threading;
using Stof.Reference.Masks;
using Stof.Reference.Numerics;
using Stof.Reference.Tensors;
using Stof.Reference.Tests;

namespace Stof.Reference.Bench.Sweeps;

/// <summary>
/// Dense attention, F32, batch 1, 8 heads: the kernel that the selector chooses and ONNX Runtime's MultiHeadAttention on as many threads and on the
/// same numbers, by turns with a loop of fused multiply-adds, which is the peak. Medians of many turns.
/// </summary>
internal static class DenseSweep
{
    private const int Heads = 8;
    private const int Rounds = 9;

    /// <summary>Prints one line a thread count, head size and length.</summary>
    /// <param name="output">Where to.</param>
    /// <param name="settings">Of what.</param>
    public static void Run(TextWriter output, Settings settings)
    {
        output.WriteLine("threads    D      S  kernel              median ms   best ms  of peak  ONNX Runtime   best ms  of peak   ratio  of best  largest difference");
        settings.ForEach((pool, headSize, length) => Cell(output, pool, headSize, length));
    }

    private static void Cell(TextWriter output, WorkerPool pool, int headSize, int length)
    {
        var problem = Inputs.Problem(Heads, length, headSize, new FullMask());
        var choice = AttentionSelector.Measured(problem, pool.Threads);
        var kernel = new AttentionKernel(problem, choice);
        HostTensor Drawn(ulong seed) => NormalTensor.Draw(seed, 1, Heads, length, headSize);
        var (q, k, v) = (Drawn(1), Drawn(2), Drawn(3));
        var ours = HostTensor.Zeros(DType.F32, 1, Heads, length, headSize);
        var operands = AttentionOperands.Of(problem, q, k, v, ours);

        using var session = OnnxAttention.MultiHead(1, Heads, length, length, headSize, pool.Threads);
        HostTensor[] fed = [Interleaved(q), Interleaved(k), Interleaved(v)];
        HostTensor[] fetched = [HostTensor.Zeros(DType.F32, 1, length, Heads * headSize)];

        var (loop, loopWork) = Peak.FmaLoop(pool);
        var times = Turns.Of(Rounds, [() => kernel.Run(operands, pool), () => session.Run(fed, fetched), loop]);
        var peak = loopWork / times[2].BestSeconds;
        var work = 4.0 * headSize * Heads * length * length;
        output.WriteLine(string.Create(
            CultureInfo.InvariantCulture,
            $"{pool.Threads,7} {headSize,4} {length,6}  {choice,-18} {1e3 * times[0].MedianSeconds,10:F2} {1e3 * times[0].BestSeconds,9:F2} {work / peak / times[0].MedianSeconds,8:P0} ")
            + string.Create(
            CultureInfo.InvariantCulture,
            $"{1e3 * times[1].MedianSeconds,13:F2} {1e3 * times[1].BestSeconds,9:F2} {work / peak / times[1].MedianSeconds,8:P0} {times[1].MedianSeconds / times[0].MedianSeconds,7:F2} {times[1].BestSeconds / times[0].BestSeconds,8:F2} {ErrorMetrics.Compare(fetched[0].ToDoubles(), Interleaved(ours)).MaxAbsolute,19:E1}"));
        output.Flush();
    }

    /// <summary>[1, H, S, D] as ONNX Runtime takes it: [1, S, H · D].</summary>
    private static HostTensor Interleaved(HostTensor tensor)
    {
        var (heads, length, size) = (tensor.Shape[1], tensor.Shape[2], tensor.Shape[3]);
        var target = HostTensor.Zeros(DType.F32, 1, length, heads * size);
        var from = tensor.Span<float>();
        var to = target.Span<float>();
        for (var head = 0; head < heads; head++)
        {
            for (var row = 0; row < length; row++)
            {
                from.Slice(((head * length) + row) * size, size).CopyTo(to[(((row * heads) + head) * size)..]);
            }
        }

        return target;
    }
}
