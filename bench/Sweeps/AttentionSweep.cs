using System.Diagnostics;
using System.Text.Json;
using Stof.Reference.Bench.Quick;
using Stof.Reference.Cpu.Oracle;
using Stof.Reference.Cpu.Simd.Attention;
using Stof.Reference.Cpu.Threading;
using Stof.Reference.Formats;
using Stof.Reference.Masks;
using Stof.Reference.Numerics;
using Stof.Reference.Tensors;

namespace Stof.Reference.Bench.Sweeps;

/// <summary>
/// The dense and STOF's five masks over lengths, threads and head sizes on the CPU: time of the kernel that the selector chooses, as a share of the
/// fused-multiply-add peak and of the dense time that its loaded tiles would take, with the error against the double-precision oracle. One JSON
/// object a line, for <c>bench/peers/compare.py</c>, which puts <c>bench/peers/attention_cpu.py</c> beside it.
/// </summary>
internal static class AttentionSweep
{
    private const int Heads = 12;
    private const int CheckedRows = 64; // of one head, spread over its length: the oracle never holds S² of anything

    /// <summary>Lengths where none are given.</summary>
    public static readonly int[] AllLengths = [512, 1024, 2048, 4096, 8192];

    /// <summary>Prints one line a cell.</summary>
    /// <param name="output">Where to.</param>
    /// <param name="settings">Of what.</param>
    public static void Run(TextWriter output, Settings settings) => settings.ForEach((pool, headSize, length) =>
    {
        var dense = 0.0;
        foreach (var (name, text) in PaperMasks.At(length))
        {
            dense = Cell(output, pool, name, text, length, headSize, dense);
        }
    });

    private static double Cell(TextWriter output, WorkerPool pool, string name, string text, int length, int headSize, double dense)
    {
        var problem = Inputs.Problem(Heads, length, headSize, MaskText.Parse(text));
        var choice = AttentionSelector.Measured(problem, pool.Threads);
        var kernel = new AttentionKernel(problem, choice);
        HostTensor Normal(ulong seed) => NormalTensor.Draw(seed, 1, Heads, length, headSize);
        var (q, k, v) = (Normal(1), Normal(2), Normal(3));
        var result = HostTensor.Zeros(DType.F32, 1, Heads, length, headSize);
        var operands = AttentionOperands.Of(problem, q, k, v, result);
        var peak = Peak.FmaGflops(pool);
        var timing = Timing.Of(() => kernel.Run(operands, pool));
        peak = Math.Max(peak, Peak.FmaGflops(pool));
        dense = name == "dense" ? timing.MedianSeconds : dense;
        var loaded = TileCounts.Of(BlockMaskBuilder.Build(problem.BindMask(), TileShape.Default));
        var work = 4.0 * headSize * Heads * loaded.Loaded * loaded.Tile.Rows * loaded.Tile.Columns;
        output.WriteLine(JsonSerializer.Serialize(new Dictionary<string, object>
        {
            ["who"] = "stof",
            ["threads"] = pool.Threads,
            ["length"] = length,
            ["head_size"] = headSize,
            ["mask"] = name,
            ["choice"] = choice.ToString(),
            ["ms"] = 1e3 * timing.MedianSeconds,
            ["best_ms"] = 1e3 * timing.BestSeconds,
            ["load_share"] = loaded.LoadShare,
            ["over_dense_share"] = timing.MedianSeconds / (dense * loaded.LoadShare),
            ["gflops"] = work / timing.MedianSeconds / 1e9,
            ["of_peak"] = work / timing.MedianSeconds / 1e9 / peak,
            ["imbalance"] = kernel.Imbalance(pool.Threads),
            ["relative_error"] = SampledRows.Judge(problem, q, k, v, result, 0, 0, CheckedRows).Metrics!.RelativeFrobenius,
            ["rss_mb"] = Process.GetCurrentProcess().PeakWorkingSet64 / 1e6,
        }));
        output.Flush();
        return dense;
    }
}
