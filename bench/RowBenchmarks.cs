using System.Diagnostics.CodeAnalysis;
using BenchmarkDotNet.Attributes;
using Stof.Reference.Bench.Quick;
using Stof.Reference.Cpu.Simd;
using Stof.Reference.Cpu.Threading;
using Stof.Reference.Numerics;
using Stof.Reference.Tensors;

namespace Stof.Reference.Bench;

/// <summary>Memory-bound operators on BERT-base rows, fused and apart.</summary>
[SuppressMessage("Design", "CA1001", Justification = "The harness calls Cleanup, and wants an unsealed class.")]
public class RowBenchmarks
{
    private const int Columns = 768;

    private readonly float[] _bias = Inputs.Row(1, Columns);
    private readonly RowNorm _norm = RowNorm.Layer(Inputs.Row(2, Columns), Inputs.Row(3, Columns));
    private WorkerPool? _pool;
    private KernelWorkspace? _workspace;
    private MatrixView _x;
    private MatrixView _residual;
    private MatrixView _y;
    private EmbeddingLookup _word;
    private EmbeddingLookup _place;
    private EmbeddingLookup _kind;

    [Params(1, 2)]
    public int Threads { get; set; }

    [Params(512, 16384)]
    public int Rows { get; set; }

    [Params(DType.F32, DType.F16, DType.BF16)]
    public DType Type { get; set; }

    [GlobalSetup]
    public void Setup()
    {
        _pool = new WorkerPool(Threads);
        _workspace = new KernelWorkspace(_pool);
        _x = MatrixView.Of(Inputs.Normal(Type, 4, Rows, Columns));
        _residual = MatrixView.Of(Inputs.Normal(Type, 5, Rows, Columns));
        _y = MatrixView.Of(HostTensor.Zeros(Type, Rows, Columns));
        var random = new Random(6);
        _word = new EmbeddingLookup(_x, [.. Enumerable.Range(0, Rows).Select(_ => random.Next(Rows))]);
        _place = new EmbeddingLookup(_residual.SliceRows(0, 512), [.. Enumerable.Range(0, Rows).Select(row => row % 512)]);
        _kind = new EmbeddingLookup(_residual.SliceRows(0, 1), new int[Rows]);
    }

    [Benchmark(Baseline = true)]
    public void BiasResidualNormFused() => Normalize.Run(_workspace!, _x, _bias, _residual, _norm, _y);

    [Benchmark]
    public void BiasResidualThenNorm()
    {
        ResidualAdd.Run(_workspace!, _x, _bias, _residual, _y);
        Normalize.Run(_workspace!, _y, _norm, _y);
    }

    [Benchmark]
    public void BiasGelu() => BiasActivation.Run(_workspace!, _x, _bias, Activation.GeluErf, _y);

    [Benchmark]
    public void Embedding() => EmbeddingGather.Run(_workspace!, _y, _word, _place, _kind);

    [GlobalCleanup]
    public void Cleanup() => _pool!.Dispose();
}
