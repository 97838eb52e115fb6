using Stof.Reference.Cuda.Execution;
using Stof.Reference.Cuda.Ptx;
using Stof.Reference.Cuda.Simulator;
using Stof.Reference.Formats;
using Stof.Reference.Masks;
using Stof.Reference.Numerics;
using Stof.Reference.Operators;
using Stof.Reference.Tensors;
using Stof.Reference.Tests;

namespace Stof.Reference.Cuda.Tests.Templates;

/// <summary>Every tiling that the search may take, on masks with full, part, missing and no tiles in a row, with heavy rows cut and whole.</summary>
public class AttentionTilingTests
{
    private const int Seed = 4711;

    [Fact]
    public void Every_tiling_agrees_with_the_oracle()
    {
        using var backend = new CudaBackend(new SimulatedKernelDevice(Target.Sm90));
        foreach (var tiling in BlockwiseTiling.Space)
        {
            Require(backend, tiling, "sliding(90) | strided(50)", 1);
            Require(backend, tiling, "restrict(of=longformer(band=20,global=9),query_start=40)", 3);
        }
    }

    private static void Require(CudaBackend backend, BlockwiseTiling tiling, string mask, int splits)
    {
        var problem = new AttentionProblem
        {
            Batch = 1,
            QueryHeads = 2,
            KvHeads = 1,
            QueryLength = 150,
            KvLength = 170,
            HeadSize = 24,
            ValueHeadSize = 40,
            Type = DType.F16,
            KvSplits = splits,
            Mask = MaskText.Parse(mask),
            LogSumExp = LogSumExpOutput.Natural,
        };
        var trial = AttentionTrial.Of(problem, InputFamily.UnitNormal, new Random(Seed)) with { LogSumExpLimit = 1e-4, BudgetShare = 0.8 };
        using var prepared = backend.Prepare(trial.Problem, tiling);
        prepared.SetInputs(trial.Q, trial.K, trial.V);
        prepared.Run();
        var output = HostTensor.Uninitialized(DType.F16, 1, 2, 150, 40);
        var lse = HostTensor.Uninitialized(DType.F32, 1, 2, 150);
        prepared.GetOutputs(output, lse);
        trial.Require(output, lse, $"seed {Seed}, {mask}, {tiling}");
    }

    /// <summary>Decoding: few queries of many heads against long keys, each head with its own mask, packed into one tile.</summary>
    [Theory]
    [InlineData(DType.F32)]
    [InlineData(DType.F16)]
    public void Heads_that_share_keys_share_a_tile(DType type)
    {
        var launch = new RecordingDevice();
        using var backend = new CudaBackend(launch);
        var problem = new AttentionProblem
        {
            Batch = 2,
            QueryHeads = 8,
            KvHeads = 2,
            QueryLength = 3,
            KvLength = 300,
            HeadSize = 32,
            Type = type,
            Lengths = [new SequenceLengths(3, 300), new SequenceLengths(2, 77)],
            Mask = MaskText.Parse("heads([causal,sliding(40),strided(7),empty,full,causal & strided(3),prefix(20),sliding(3)])"),
        };
        var trial = AttentionTrial.Of(problem, InputFamily.UnitNormal, new Random(Seed)) with { LogSumExpLimit = 1e-4, BudgetShare = type == DType.F32 ? 0.5 : 0.8 };
        var output = HostTensor.Uninitialized(type, 2, 8, 3, 32);
        var lse = HostTensor.Uninitialized(DType.F32, 2, 8, 3);
        backend.Attend(trial.Problem, trial.Q, trial.K, trial.V, output, lse);
        trial.Require(output, lse, $"seed {Seed}, {type}");
        Assert.True(launch.Blocks <= 2 * 2 * 8, $"{launch.Blocks} blocks: query heads are apart");
    }

    /// <summary>A kernel that a compiler has too few registers for gives way to that of the next best tiling.</summary>
    [Fact]
    public void A_tiling_that_spills_gives_way()
    {
        var problem = new AttentionProblem { Batch = 1, QueryHeads = 2, KvHeads = 2, QueryLength = 200, KvLength = 200, HeadSize = 32, Type = DType.F16, Mask = MaskText.Parse("sliding(20)") };
        var trial = AttentionTrial.Of(problem, InputFamily.UnitNormal, new Random(Seed)) with { LogSumExpLimit = 1e-4, BudgetShare = 0.8 };
        var kernels = new List<string>();
        for (var refused = 0; refused < 3; refused++)
        {
            var device = new RecordingDevice { Refused = refused };
            using var backend = new CudaBackend(device);
            var output = HostTensor.Uninitialized(DType.F16, 1, 2, 200, 32);
            var lse = HostTensor.Uninitialized(DType.F32, 1, 2, 200);
            backend.Attend(trial.Problem, trial.Q, trial.K, trial.V, output, lse);
            trial.Require(output, lse, $"seed {Seed}, {refused} refused");
            kernels.Add(device.Kernel);
        }

        Assert.Equal(3, kernels.Distinct().Count());
    }

    /// <summary>A simulator that counts the blocks of its first launch, and refuses some kernels.</summary>
    private sealed class RecordingDevice : IKernelDevice
    {
        private readonly SimulatedKernelDevice _device = new(Target.Sm80);

        private int _asked;

        public int Refused { get; init; }

        public string Kernel { get; private set; } = "";

        public int Blocks { get; private set; }

        public string Name => _device.Name;

        public Target Target => _device.Target;

        public int Multiprocessors => _device.Multiprocessors;

        public long CacheBytes => _device.CacheBytes;

        public bool IsAsynchronous => false;

        public IDeviceBuffer Allocate(long bytes) => _device.Allocate(bytes);

        public void Write(IDeviceBuffer buffer, ReadOnlySpan<byte> bytes) => _device.Write(buffer, bytes);

        public void Read(IDeviceBuffer buffer, Span<byte> bytes) => _device.Read(buffer, bytes);

        public void Launch(LaunchParameters parameters, Grid grid) => _device.Launch(parameters, grid);

        public bool Takes(Kernel kernel) => ++_asked > Refused;

        public IDeviceProgram Record(IReadOnlyList<KernelStep> steps)
        {
            (Blocks, Kernel) = (steps[0].Grid.X, steps[0].Parameters.Kernel.Name);
            return _device.Record(steps);
        }

        public void Dispose() => _device.Dispose();
    }
}
