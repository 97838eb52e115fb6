using System.Diagnostics;
using System.Globalization;
using Stof.Reference.Cpu.Simd.Attention;
using Stof.Reference.Cpu.Threading;
using Stof.Reference.Formats;
using Stof.Reference.Masks;
using Stof.Reference.Numerics;
using Stof.Reference.Tensors;

namespace Stof.Reference.Bench.Quick;

/// <summary>
/// Where the time of one attention call goes on many cores (batch 1, 12 heads of 64): until a worker has come, in its tasks, from its last task to
/// the end of the loop; and, outside of the loop of tasks, before and after it. The call shown is the median one of those that follow each other at
/// once; beside it stands the median after a pause in which the workers fall asleep.
/// </summary>
internal static class CallQuick
{
    private const int Heads = 12;
    private const int Size = 64;
    private const double Seconds = 0.4;
    private const int Pauses = 15;
    private static readonly TimeSpan Pause = TimeSpan.FromMilliseconds(3);

    /// <summary>Length of the sequences where none is given.</summary>
    public const int DefaultLength = 4096;

    /// <summary>Prints one line a mask and choice.</summary>
    /// <param name="output">Where to.</param>
    /// <param name="length">S.</param>
    /// <param name="threads">Workers.</param>
    public static void Run(TextWriter output, int length, int threads)
    {
        using var pool = new WorkerPool(threads);
        HostTensor Normal(int seed) => Inputs.Normal(DType.F32, seed, 1, Heads, length, Size);
        var (q, k, v, result) = (Normal(1), Normal(2), Normal(3), Normal(4));
        output.WriteLine(
            $"{threads} threads, S = {length}; us; least, mean and most of the workers where there are three numbers\n"
            + "mask        choice                  ms   best  over dense share  paused ms  imbalance  outside  come (paused)        come"
            + "               in tasks               waits at the end    turns  us a turn");
        var dense = 0.0;
        foreach (var (name, text) in PaperMasks.At(length))
        {
            if (name is not ("dense" or "sliding" or "longformer" or "bigbird"))
            {
                continue;
            }

            var problem = Inputs.Problem(Heads, length, Size, MaskText.Parse(text));
            var estimates = AttentionSelector.Estimates(problem, threads).Where(e => e.Choice.Tile.Rows >= 64 && e.Choice.Tile.Columns >= 64);
            foreach (var choice in estimates.Select(e => e.Choice).Take(name == "dense" ? 1 : 4))
            {
                var kernel = new AttentionKernel(problem, choice);
                var operands = AttentionOperands.Of(problem, q, k, v, result);
                var share = TileCounts.Of(BlockMaskBuilder.Build(problem.BindMask(), TileShape.Default)).LoadShare;
                dense = Line(output, name, kernel, operands, pool, dense, share);
            }
        }
    }

    private static double Line(
        TextWriter output, string name, AttentionKernel kernel, AttentionOperands operands, WorkerPool pool, double dense, double share)
    {
        var trace = new LoopTrace(pool.Threads);
        _ = Timing.Of(() => kernel.Run(operands, pool));
        pool.Trace = trace;
        var calls = new List<Call>();
        for (var clock = Stopwatch.StartNew(); calls.Count < 7 || clock.Elapsed.TotalSeconds < Seconds;)
        {
            calls.Add(Call.Of(trace, () => kernel.Run(operands, pool)));
        }

        var paused = new List<Call>();
        for (var i = 0; i < Pauses; i++)
        {
            Thread.Sleep(Pause);
            paused.Add(Call.Of(trace, () => kernel.Run(operands, pool)));
        }

        pool.Trace = null;
        calls.Sort((a, b) => a.Total.CompareTo(b.Total));
        paused.Sort((a, b) => a.Total.CompareTo(b.Total));
        var (call, rested) = (calls[calls.Count / 2], paused[paused.Count / 2]);
        dense = dense == 0 ? call.Total : dense;
        output.WriteLine(
            string.Create(CultureInfo.InvariantCulture, $"{name,-11} {kernel.Choice,-18} {call.Total / 1e3,7:F3} {calls[0].Total / 1e3,6:F3} {call.Total / (dense * share),17:F2} ")
            + string.Create(CultureInfo.InvariantCulture, $"{rested.Total / 1e3,10:F3} {kernel.Imbalance(pool.Threads),10:F3} {call.Outside,8:F0}  ")
            + $"{rested.Come,-20} {call.Come,-18} {call.Busy,-22} {call.Waits,-18} {call.Turns,6:F0} {call.PerTurn,10:F1}");
        output.Flush();
        return dense;
    }

    /// <summary>One call: its last loop but the merge's is the loop of tasks.</summary>
    private sealed record Call(double Total, double Outside, Spread Come, Spread Busy, Spread Waits, double Turns, double PerTurn)
    {
        public static Call Of(LoopTrace trace, Action run)
        {
            trace.Clear();
            var start = Stopwatch.GetTimestamp();
            run();
            var end = Stopwatch.GetTimestamp();
            var loop = trace.Loops.MaxBy(loop => loop.Ended - loop.Began)!;
            var workers = loop.Workers;
            var turns = workers.Sum(worker => worker.Tasks);
            return new Call(
                Microseconds(end - start),
                Microseconds(end - start - (loop.Ended - loop.Began)),
                Spread.Of(workers.Select(worker => Microseconds((worker.Joined == 0 ? loop.Ended : worker.Joined) - loop.Began))),
                Spread.Of(workers.Select(worker => Microseconds(worker.Left - worker.Joined))),
                Spread.Of(workers.Select(worker => Microseconds(worker.Joined == 0 ? 0 : loop.Ended - worker.Left))),
                turns,
                workers.Sum(worker => Microseconds(worker.Left - worker.Joined)) / turns);
        }

        private static double Microseconds(long ticks) => 1e6 * ticks / Stopwatch.Frequency;
    }

    private readonly record struct Spread(double Least, double Mean, double Most)
    {
        public static Spread Of(IEnumerable<double> values)
        {
            var all = values.ToArray();
            return new Spread(all.Min(), all.Average(), all.Max());
        }

        public override string ToString() => string.Create(CultureInfo.InvariantCulture, $"{Least:F0}/{Mean:F0}/{Most:F0}");
    }
}
