using Stof.Reference.Backends;
using Stof.Reference.Cpu.Execution;
using Stof.Reference.Formats;
using Stof.Reference.Fusion;
using Stof.Reference.Masks;
using Stof.Reference.Models;
using Stof.Reference.Numerics;
using Stof.Reference.OpenCL.Execution;
using Stof.Reference.OpenCL.Execution.Attention;
using Stof.Reference.Operators;
using Stof.Reference.Plans;
using Stof.Reference.Search;
using Stof.Reference.Tests;

namespace Stof.Reference.Conformance.Tests.OpenCL;

/// <summary>
/// Every kernel file once or twice on small shapes: what <c>.ci/run</c> also runs under Oclgrind, which interprets the kernels and reports reads
/// outside of buffers, values that were never written, and races in local memory.
/// </summary>
public sealed class OpenClReducedTests
{
    private const int Seed = 9;

    [Theory]
    [InlineData(Mapping.Lanes, 16, AttentionKernelChoice.Blockwise, MatrixUnits.None, DType.F16)]
    [InlineData(Mapping.Lanes, 8, AttentionKernelChoice.Blockwise, MatrixUnits.None, DType.BF16)]
    [InlineData(Mapping.Lanes, 16, AttentionKernelChoice.Rowwise, MatrixUnits.None, DType.BF16)]
    [InlineData(Mapping.Lanes, 8, AttentionKernelChoice.Rowwise, MatrixUnits.None, DType.F16)]
    [InlineData(Mapping.Groups, 16, AttentionKernelChoice.Blockwise, MatrixUnits.None, DType.F32)]
    [InlineData(Mapping.Groups, 16, AttentionKernelChoice.Rowwise, MatrixUnits.None, DType.F16)]
    [InlineData(Mapping.Groups, 16, AttentionKernelChoice.Rowwise, MatrixUnits.None, DType.F32, SubGroups.Emulated)]
    [InlineData(Mapping.Groups, 16, AttentionKernelChoice.Blockwise, MatrixUnits.Emulated, DType.F16)]
    public void Every_attention_kernel_agrees(
        Mapping mapping, int lanes, AttentionKernelChoice choice, MatrixUnits units, DType type, SubGroups subGroups = SubGroups.None)
    {
        using var backend = new OpenClBackend(
            OpenClHere.Device, new OpenClOptions { Mapping = mapping, Lanes = lanes, Attention = choice, MatrixUnits = units, SubGroups = subGroups });
        var random = new Random(Seed);
        foreach (var splits in new[] { 1, 2 })
        {
            var problem = new AttentionProblem
            {
                Batch = 1,
                QueryHeads = 2,
                KvHeads = 1,
                QueryLength = 19,
                KvLength = 70,
                HeadSize = 16,
                ValueHeadSize = units == MatrixUnits.None ? 13 : 16,
                Type = type,
                Mask = MaskText.Parse("sliding(9) | prefix(3)"),
                KvSplits = splits,
                Softcap = splits == 2 ? 3 : null,
                Sinks = splits == 2 ? [0.5, -1] : null,
                Bias = splits == 2 ? AlibiBias.Standard(2) : null,
            };
            var trial = AttentionTrial.Of(problem, InputFamily.UnitNormal, random) with { LogSumExpLimit = 1e-4, BudgetShare = 0.8 };
            var (output, logSumExp) = backend.Attend(trial.Problem, trial.Q, trial.K, trial.V);
            trial.Require(output, logSumExp, $"seed {Seed}, {splits} splits");
        }
    }

    [Fact]
    public void Groups_of_warps_become_one()
    {
        using var backend = new OpenClBackend(OpenClHere.Device, new OpenClOptions
        {
            Mapping = Mapping.Groups,
            Attention = AttentionKernelChoice.Blockwise,
            MatrixUnits = MatrixUnits.Emulated,
            Tiling = new BlockwiseTiling(16, 32, 2, 16, 2),
        });
        var problem = new AttentionProblem
        {
            Batch = 1,
            QueryHeads = 1,
            KvHeads = 1,
            QueryLength = 16,
            KvLength = 70,
            HeadSize = 16,
            Type = DType.F16,
        };
        var trial = AttentionTrial.Of(problem, InputFamily.UnitNormal, new Random(Seed)) with { LogSumExpLimit = 1e-4, BudgetShare = 0.8 };
        var (output, logSumExp) = backend.Attend(trial.Problem, trial.Q, trial.K, trial.V);
        trial.Require(output, logSumExp, $"seed {Seed}");
    }

    [Theory]
    [InlineData(Mapping.Lanes, 16, "gpt2", DType.F32)]
    [InlineData(Mapping.Groups, 16, "gpt2", DType.F32)]
    [InlineData(Mapping.Lanes, 8, "llama", DType.F32)]
    [InlineData(Mapping.Groups, 16, "vit-base", DType.F32, SubGroups.Emulated)]
    [InlineData(Mapping.Groups, 16, "llama", DType.F16)]
    public void Every_model_kernel_agrees(Mapping mapping, int lanes, string preset, DType type, SubGroups subGroups = SubGroups.None)
    {
        // 16-bit products on matrix units take depths that are multiples of eight.
        var isMatrix = type != DType.F32;
        var spec = ModelPresets.Spec(preset);
        spec = spec with
        {
            Layers = 1,
            Hidden = isMatrix ? 16 : 20,
            QueryHeads = 2,
            KvHeads = 1,
            HeadSize = isMatrix ? 8 : 10,
            FeedForward = isMatrix ? 40 : 36,
            Vocabulary = spec.Vocabulary == 0 ? 0 : 11,
            MaxPositions = spec.MaxPositions == 0 ? 0 : 16,
            Patch = spec.Patch == 0 ? 0 : 2,
            PatchesPerSide = spec.PatchesPerSide == 0 ? 0 : 3,
        };
        var model = ModelPresets.Create(spec, Seed).To(type);
        var input = ModelInput.Random(spec, 2, spec.FixedLength ?? 13, Seed);
        var mask = spec.IsCausal ? new CausalMask() : MaskText.Parse("sliding(5)");
        var graph = model.Graph.Layer;
        using var backend = new OpenClBackend(OpenClHere.Device, new OpenClOptions
        {
            Mapping = mapping,
            Lanes = lanes,
            MatrixUnits = isMatrix ? MatrixUnits.Emulated : MatrixUnits.None,
            SubGroups = subGroups,
        });
        var workload = new Workload(input.Batch, input.Length, type, mask, model.Spec.QueryHeads);
        using var fused = backend.Compile(
            model, workload, ExecutionPlan.FromScheme(graph, workload, backend.Device, RuleBasedSchemes.Initial(graph, workload, backend.Device)));
        using var detached = backend.Compile(model, workload, ExecutionPlan.Detached(graph, workload, backend.Device));
        var verdicts = ModelVerifier.Verify(model, mask, input, fused, detached, type);
        Assert.Equal(model.Spec.Layers + 1, verdicts.Length);
        Assert.All(verdicts, verdict => Assert.True(verdict.Passed, $"{verdict}"));
    }
}
