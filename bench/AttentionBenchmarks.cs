using System.Diagnostics.CodeAnalysis;
using BenchmarkDotNet.Attributes;
using Stof.Reference.Bench.Quick;
using Stof.Reference.Cpu.Simd.Attention;
using Stof.Reference.Cpu.Threading;
using Stof.Reference.Formats;
using Stof.Reference.Masks;
using Stof.Reference.Numerics;
using Stof.Reference.Tensors;

namespace Stof.Reference.Bench;

/// <summary>Both attention kernels on the dense and STOF's five masks: batch 1, 12 heads of 64.</summary>
[SuppressMessage("Design", "CA1001", Justification = "The harness calls Cleanup, and wants an unsealed class.")]
public class AttentionBenchmarks
{
    private const int Heads = 12;
    private const int Size = 64;

    private WorkerPool? _pool;
    private AttentionKernel? _kernel;
    private AttentionOperands _operands;

    [Params(1, 2)]
    public int Threads { get; set; }

    [Params(512, 2048)]
    public int Length { get; set; }

    [Params("dense", "causal", "sliding", "dilated", "longformer", "bigbird")]
    public string Mask { get; set; } = "";

    [Params(AttentionAlgorithm.Blockwise, AttentionAlgorithm.Rowwise)]
    public AttentionAlgorithm Algorithm { get; set; }

    [Params(DType.F32, DType.BF16)]
    public DType Type { get; set; }

    [GlobalSetup]
    public void Setup()
    {
        var problem = Inputs.Problem(Heads, Length, Size, MaskText.Parse(PaperMasks.At(Length).Single(mask => mask.Name == Mask).Text), Type);
        HostTensor Normal(int seed) => Inputs.Normal(Type, seed, 1, Heads, Length, Size);
        _pool = new WorkerPool(Threads);
        _kernel = new AttentionKernel(problem, new AttentionChoice(Algorithm, TileShape.Default));
        _operands = AttentionOperands.Of(problem, Normal(1), Normal(2), Normal(3), HostTensor.Zeros(Type, 1, Heads, Length, Size));
    }

    [Benchmark]
    public void Run() => _kernel!.Run(_operands, _pool!);

    [GlobalCleanup]
    public void Cleanup() => _pool!.Dispose();
}
