using Stof.Reference.Cuda.Execution;
using Stof.Reference.Cuda.Ptx;
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
        using var backend = new CudaBackend(new SimulatedKernelDevice(Target.Sm80));
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
}
