using BenchmarkDotNet.Attributes;
using Stof.Reference.Bench.Quick;
using Stof.Reference.Cpu.Simd;
using Stof.Reference.Cpu.Threading;
using Stof.Reference.Numerics;
using Stof.Reference.Tensors;

namespace Stof.Reference.Bench;

/// <summary>Products of BERT-base at 128 and 512 tokens, plain and with their fused epilogues.</summary>
public class GemmBenchmarks
{
    private WorkerPool? _pool;
    private GemmKernel? _kernel;
    private MatrixView _a;
    private MatrixView _c;

    [Params(1, 2)]
    public int Threads { get; set; }

    [Params(128, 512)]
    public int Rows { get; set; }

    /// <summary>N x K.</summary>
    [Params("768x768", "3072x768", "768x3072")]
    public string Weights { get; set; } = "";

    [Params(DType.F32, DType.BF16)]
    public DType Type { get; set; }

    [Params(false, true)]
    public bool Fused { get; set; }

    [GlobalSetup]
    public void Setup()
    {
        var sizes = Array.ConvertAll(Weights.Split('x'), int.Parse);
        var (n, k) = (sizes[0], sizes[1]);
        _pool = new WorkerPool(Threads);
        var packed = PackedMatrix.FromOutputMajor(Inputs.Normal(Type, 1, n, k));
        var epilogue = Fused
            ? new GemmEpilogue(Inputs.Row(2, n), n > k ? Activation.GeluErf : Activation.None)
            : GemmEpilogue.Empty;
        _kernel = new GemmKernel(packed, new KernelWorkspace(_pool), null, epilogue);
        _a = MatrixView.Of(Inputs.Normal(Type, 3, Rows, k));
        _c = MatrixView.Of(HostTensor.Zeros(Type, Rows, n));
    }

    [Benchmark]
    public void Run() => _kernel!.Run(_a, _c);

    [GlobalCleanup]
    public void Cleanup() => _pool!.Dispose();
}
