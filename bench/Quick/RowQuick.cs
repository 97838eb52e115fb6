using System.Globalization;
using Stof.Reference.Cpu.Simd;
using Stof.Reference.Cpu.Threading;
using Stof.Reference.Numerics;
using Stof.Reference.Tensors;

namespace Stof.Reference.Bench.Quick;

/// <summary>Memory-bound operators: bytes they must move per second, as a share of a plain copy in the same run.</summary>
internal static class RowQuick
{
    /// <summary>48 MiB in F32: far beyond the second-level cache.</summary>
    public const int DefaultRows = 16384;

    private const int Columns = 768;

    /// <summary>Prints one line an operator, dtype and thread count.</summary>
    public static void Run(TextWriter output, int rows)
    {
        output.WriteLine("threads  dtype  operator                 best GB/s   copy GB/s  of copy  median of copy");
        foreach (var threads in new[] { 1, 2 })
        {
            using var pool = new WorkerPool(threads);
            var workspace = new KernelWorkspace(pool);
            foreach (var type in new[] { DType.F32, DType.F16, DType.BF16 })
            {
                foreach (var (name, tensors, action) in Operators(workspace, type, rows))
                {
                    var bytes = (double)tensors * rows * Columns * type.Size();
                    var copy = Peak.CopyGigabytes(pool, rows * Columns * type.Size());
                    var timing = Timing.Of(action);
                    copy = Math.Max(copy, Peak.CopyGigabytes(pool, rows * Columns * type.Size()));
                    var best = bytes / timing.BestSeconds / 1e9;
                    var median = bytes / timing.MedianSeconds / 1e9;
                    output.WriteLine(string.Create(
                        CultureInfo.InvariantCulture,
                        $"{threads,7}  {type,5}  {name,-22} {best,11:F1} {copy,11:F1} {best / copy,8:P0} {median / copy,15:P0}"));
                }
            }
        }
    }

    // Tensors: how many matrices of rows x columns the operator reads and writes.
    private static IEnumerable<(string Name, double Tensors, Action Action)> Operators(
        KernelWorkspace workspace, DType type, int rows)
    {
        var x = MatrixView.Of(Inputs.Normal(type, 1, rows, Columns));
        var residual = MatrixView.Of(Inputs.Normal(type, 2, rows, Columns));
        var y = MatrixView.Of(HostTensor.Zeros(type, rows, Columns));
        var half = MatrixView.Of(HostTensor.Zeros(type, rows, Columns / 2));
        var bias = Inputs.Row(3, Columns);
        var layer = RowNorm.Layer(Inputs.Row(4, Columns), Inputs.Row(5, Columns));
        var rms = RowNorm.Rms(Inputs.Row(6, Columns));
        var table = new RotaryTable(512, 64);
        var positions = Enumerable.Range(0, rows).Select(row => row % 512).ToArray();
        yield return ("bias", 2, () => BiasAdd.Run(workspace, x, bias, y));
        yield return ("bias+relu", 2, () => BiasActivation.Run(workspace, x, bias, Activation.Relu, y));
        yield return ("bias+gelu(erf)", 2, () => BiasActivation.Run(workspace, x, bias, Activation.GeluErf, y));
        yield return ("bias+gelu(tanh)", 2, () => BiasActivation.Run(workspace, x, bias, Activation.GeluTanh, y));
        yield return ("swiglu", 1.5, () => BiasActivation.Run(workspace, x, null, Activation.SwiGlu, half));
        yield return ("bias+residual", 3, () => ResidualAdd.Run(workspace, x, bias, residual, y));
        yield return ("layernorm", 2, () => Normalize.Run(workspace, x, layer, y));
        yield return ("rmsnorm", 2, () => Normalize.Run(workspace, x, rms, y));
        yield return ("bias+residual+layernorm", 3, () => Normalize.Run(workspace, x, bias, residual, layer, y));
        var ids = new Random(7);
        var places = Math.Min(rows, 512);
        var word = new EmbeddingLookup(x, [.. Enumerable.Range(0, rows).Select(_ => ids.Next(rows))]);
        var place = new EmbeddingLookup(residual.SliceRows(0, places), [.. Enumerable.Range(0, rows).Select(row => row % places)]);
        var kind = new EmbeddingLookup(residual.SliceRows(0, 1), new int[rows]);
        yield return ("embedding", 2, () => EmbeddingGather.Run(workspace, y, word));
        yield return ("embedding+pos+type", 2, () => EmbeddingGather.Run(workspace, y, word, place, kind));
        yield return ("rotary", 2, () => RotaryEmbedding.Run(workspace, x, table, 4, 4, positions, y));
    }
}
