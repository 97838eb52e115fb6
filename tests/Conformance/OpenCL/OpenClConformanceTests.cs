using System.Security.Cryptography;
using Stof.Reference.Backends;
using Stof.Reference.Conformance.Tests.Attention;
using Stof.Reference.Conformance.Tests.Models;
using Stof.Reference.Cpu.Execution;
using Stof.Reference.Formats;
using Stof.Reference.Fusion;
using Stof.Reference.Masks;
using Stof.Reference.Numerics;
using Stof.Reference.OpenCL.Execution;
using Stof.Reference.OpenCL.Execution.Attention;
using Stof.Reference.Operators;
using Stof.Reference.Plans;
using Stof.Reference.Tensors;
using Stof.Reference.Tests;

namespace Stof.Reference.Conformance.Tests.OpenCL;

/// <summary>An OpenCL device in the suite, with one mapping and one kernel; the first device that can be used, in CI PoCL's.</summary>
public abstract class OpenClUnderTest : BackendUnderTest
{
    private OpenClBackend? _backend;

    /// <inheritdoc/>
    public override IBackend Backend => _backend ??= new OpenClBackend(OpenClHere.Device, new OpenClOptions { Mapping = Mapping, Attention = Choice, SubGroups = SubGroups });

    /// <inheritdoc/>
    public override double LogSumExpLimit => 1e-4;

    /// <inheritdoc/>
    public override TileShape? TileReadWhole => Choice == AttentionKernelChoice.Rowwise ? null : TileShape.Default;

    /// <inheritdoc/>
    public override int Stride => 4;

    protected abstract Mapping Mapping { get; }

    protected abstract AttentionKernelChoice Choice { get; }

    protected virtual SubGroups SubGroups => SubGroups.None;
}

public sealed class LanesRowwise : OpenClUnderTest
{
    protected override Mapping Mapping => Mapping.Lanes;

    protected override AttentionKernelChoice Choice => AttentionKernelChoice.Rowwise;
}

public sealed class LanesBlockwise : OpenClUnderTest
{
    protected override Mapping Mapping => Mapping.Lanes;

    protected override AttentionKernelChoice Choice => AttentionKernelChoice.Blockwise;
}

public sealed class GroupsRowwise : OpenClUnderTest
{
    /// <inheritdoc/>
    public override int Stride => 40;

    protected override Mapping Mapping => Mapping.Groups;

    protected override AttentionKernelChoice Choice => AttentionKernelChoice.Rowwise;
}

/// <summary>Reductions as on a device with sub-groups.</summary>
public sealed class SubGroupsRowwise : OpenClUnderTest
{
    /// <inheritdoc/>
    public override int Stride => 40;

    protected override Mapping Mapping => Mapping.Groups;

    protected override AttentionKernelChoice Choice => AttentionKernelChoice.Rowwise;

    protected override SubGroups SubGroups => SubGroups.Emulated;
}

public sealed class GroupsBlockwise : OpenClUnderTest
{
    /// <inheritdoc/>
    public override int Stride => 40;

    protected override Mapping Mapping => Mapping.Groups;

    protected override AttentionKernelChoice Choice => AttentionKernelChoice.Blockwise;
}

public sealed class LanesRowwiseMaskTests(LanesRowwise opencl) : MaskConformance(opencl), IClassFixture<LanesRowwise>;

public sealed class LanesRowwiseOptionTests(LanesRowwise opencl) : OptionConformance(opencl), IClassFixture<LanesRowwise>;

public sealed class LanesRowwiseBufferTests(LanesRowwise opencl) : BufferConformance(opencl), IClassFixture<LanesRowwise>;

public sealed class LanesRowwisePoisonTests(LanesRowwise opencl) : PoisonConformance(opencl), IClassFixture<LanesRowwise>;

public sealed class LanesRowwiseMetamorphicTests(LanesRowwise opencl) : MetamorphicConformance(opencl), IClassFixture<LanesRowwise>;

public sealed class LanesBlockwiseMaskTests(LanesBlockwise opencl) : MaskConformance(opencl), IClassFixture<LanesBlockwise>;

public sealed class LanesBlockwiseOptionTests(LanesBlockwise opencl) : OptionConformance(opencl), IClassFixture<LanesBlockwise>;

public sealed class LanesBlockwiseBufferTests(LanesBlockwise opencl) : BufferConformance(opencl), IClassFixture<LanesBlockwise>;

/// <summary>Where poison shows row by row is asked of kernels that read allowed keys only; the rest holds for tiles too.</summary>
public sealed class LanesBlockwisePoisonTests(LanesBlockwise opencl) : IClassFixture<LanesBlockwise>
{
    private readonly Suite _suite = new(opencl);

    [Fact]
    public void Keys_and_values_that_nobody_attends_do_not_matter() => _suite.Keys_and_values_that_nobody_attends_do_not_matter();

    [Fact]
    public void Queries_beyond_the_real_length_do_not_matter() => _suite.Queries_beyond_the_real_length_do_not_matter();

    [Theory]
    [InlineData(DType.F32, 1e-41)]
    [InlineData(DType.F16, 5e-7)]
    [InlineData(DType.BF16, 1e-39)]
    public void Subnormal_values_are_not_flushed(DType type, double unit) => _suite.Subnormal_values_are_not_flushed(type, unit);

    [Fact]
    public void Subnormal_queries_and_keys_count() => _suite.Subnormal_queries_and_keys_count();

    private sealed class Suite(BackendUnderTest subject) : PoisonConformance(subject);
}

public sealed class LanesBlockwiseMetamorphicTests(LanesBlockwise opencl) : MetamorphicConformance(opencl), IClassFixture<LanesBlockwise>;

public sealed class LanesModelTests(LanesBlockwise opencl) : ModelConformance(opencl), IClassFixture<LanesBlockwise>;

/// <summary>
/// The GPU's layout on a part of the suite: compilers for processors take long over kernels with barriers. tests/OpenClDevice runs all of it where
/// that layout is at home.
/// </summary>
public abstract class GroupsTests(OpenClUnderTest opencl)
{
    public static TheoryData<string> Texts => MaskConformance.Classes;

    [Theory]
    [MemberData(nameof(Texts))]
    public void Every_class_of_patterns_agrees_with_the_oracle(string text) =>
        new Masks(opencl).Every_pattern_agrees_with_the_oracle(text == "dense" ? "bigbird(band=3,global=5,fill=0.05,seed=3) & causal" : text);

    [Fact]
    public void Running_twice_gives_the_same_bits_and_LSE_only_if_asked_for() => new Options(opencl).Running_twice_gives_the_same_bits_and_LSE_only_if_asked_for();

    [Fact]
    public void Each_option_agrees_alone() => new Options(opencl).Each_option_agrees_alone_and_with_each_other(0, "plain");

    [Fact]
    public void Random_problems_agree_edges_first() => new Options(opencl).Random_problems_agree_edges_first();

    [Fact]
    public void Nothing_outside_the_results_is_written_and_nothing_outside_the_inputs_matters() =>
        new Buffers(opencl).Nothing_outside_the_results_is_written_and_nothing_outside_the_inputs_matters();

    [Fact]
    public void Keys_and_values_that_nobody_attends_do_not_matter() => new Poison(opencl).Keys_and_values_that_nobody_attends_do_not_matter();

    private sealed class Masks(BackendUnderTest subject) : MaskConformance(subject);

    private sealed class Options(BackendUnderTest subject) : OptionConformance(subject);

    private sealed class Buffers(BackendUnderTest subject) : BufferConformance(subject);

    private sealed class Poison(BackendUnderTest subject) : PoisonConformance(subject);
}

public sealed class GroupsRowwiseTests(GroupsRowwise opencl) : GroupsTests(opencl), IClassFixture<GroupsRowwise>;

public sealed class SubGroupsRowwiseTests(SubGroupsRowwise opencl) : GroupsTests(opencl), IClassFixture<SubGroupsRowwise>;

public sealed class GroupsBlockwiseTests(GroupsBlockwise opencl) : GroupsTests(opencl), IClassFixture<GroupsBlockwise>;

/// <summary>Models under the GPU's layout of kernels.</summary>
public abstract class GroupsModels(OpenClUnderTest opencl)
{
    private const int Seed = 41;

    protected void Require(string preset, DType type) => new Suite(opencl).Every_scheme_agrees_with_the_oracle_layer_by_layer(preset, type);

    // In several launches; few random plans have them. Matrix units take depths that are multiples of eight.
    protected void RequireChainAndNorm(string preset, DType type)
    {
        var (model, input, mask) = ShrunkModels.Create(preset, type, feedForward: 104);
        var graph = model.Graph.Layer;
        var workload = new Workload(input.Batch, input.Length, type, mask, model.Spec.QueryHeads);
        var random = new Random(Seed);
        var plan = Enumerable.Range(0, 500).Select(_ => RandomPlans.Draw(graph, workload, opencl.Backend, random)).First(plan =>
            plan.Segments.Any(segment => TemplateCatalog.Named(segment.Template).Category == TemplateCategory.CiCi)
            && plan.Segments.Any(segment => TemplateCatalog.Named(segment.Template).Category is TemplateCategory.CiMi or TemplateCategory.CiCi
                && ProductShape.Parse(graph.Operators.AsSpan(segment.Segment.Start, segment.Segment.Length)).Last.Norm is not null));
        using var executable = opencl.Backend.Compile(model, workload, plan);
        using var detached = opencl.Backend.Compile(model, workload, ExecutionPlan.Detached(graph, workload, opencl.Backend.Device));
        Assert.All(
            ModelVerifier.Verify(model, mask, input, executable, detached, type),
            verdict => Assert.True(verdict.Passed, $"seed {Seed}: {PlanJson.Print(plan)} {verdict}"));
    }

    private sealed class Suite(BackendUnderTest subject) : ModelConformance(subject);
}

public sealed class GroupsModelTests(GroupsBlockwise opencl) : GroupsModels(opencl), IClassFixture<GroupsBlockwise>
{
    [Theory]
    [InlineData("gpt2", DType.F32)]
    [InlineData("llama", DType.BF16)]
    [InlineData("t5-encoder", DType.F16)]
    [InlineData("vit-base", DType.F32)]
    public void Every_scheme_agrees_with_the_oracle_layer_by_layer(string preset, DType type) => Require(preset, type);

    [Theory]
    [InlineData("bert-base", DType.F16)]
    [InlineData("llama", DType.BF16)]
    [InlineData("gpt2", DType.F32)]
    public void Chained_products_and_norms_behind_products_agree(string preset, DType type) => RequireChainAndNorm(preset, type);
}

/// <summary>Norms and softmax with reductions as on a device with sub-groups.</summary>
public sealed class SubGroupsModelTests(SubGroupsRowwise opencl) : GroupsModels(opencl), IClassFixture<SubGroupsRowwise>
{
    [Theory]
    [InlineData("gpt2", DType.F32)]
    [InlineData("llama", DType.BF16)]
    public void Every_scheme_agrees_with_the_oracle_layer_by_layer(string preset, DType type) => Require(preset, type);
}

/// <summary>The same on matrix units, emulated.</summary>
public sealed class EmulatedModelTests(EmulatedMatrix opencl) : GroupsModels(opencl), IClassFixture<EmulatedMatrix>
{
    [Theory]
    [InlineData("llama", DType.F16)]
    [InlineData("vit-base", DType.BF16)]
    public void Every_scheme_agrees_with_the_oracle_layer_by_layer(string preset, DType type) => Require(preset, type);

    [Theory]
    [InlineData("bert-base", DType.BF16)]
    [InlineData("llama", DType.F16)]
    public void Chained_products_and_norms_behind_products_agree(string preset, DType type) => RequireChainAndNorm(preset, type);
}

/// <summary>
/// The kernel for matrix units with its fragments multiplied in ordinary code; problems that it does not compute are left out, and the sizes of
/// the others are those that it computes.
/// </summary>
public sealed class EmulatedMatrix : OpenClUnderTest
{
    private IBackend? _backend;

    /// <inheritdoc/>
    public override IBackend Backend => _backend ??= new OpenClBackend(
        OpenClHere.Device, new OpenClOptions { Mapping = Mapping, Attention = Choice, MatrixUnits = MatrixUnits.Emulated });

    /// <inheritdoc/>
    public override double BudgetShare => 0.8;

    /// <inheritdoc/>
    public override int Stride => 40;

    protected override Mapping Mapping => Mapping.Groups;

    protected override AttentionKernelChoice Choice => AttentionKernelChoice.Blockwise;
}

public sealed class EmulatedMatrixTests(EmulatedMatrix opencl) : IClassFixture<EmulatedMatrix>
{
    private const int Seed = 77;

    [Theory]
    [InlineData(DType.F16, 16, 32)]
    [InlineData(DType.BF16, 32, 16)]
    [InlineData(DType.F16, 80, 80)]
    public void Fragments_lie_where_the_kernel_looks_for_them(DType type, int headSize, int valueSize)
    {
        var random = new Random(Seed);
        foreach (var (queries, keys, mask, splits) in new[] { (64, 64, "full", 1), (77, 130, "causal", 2), (130, 65, "bigbird(band=8,global=9,fill=0.2,seed=3)", 3) })
        {
            var problem = new AttentionProblem
            {
                Batch = 2,
                QueryHeads = 4,
                KvHeads = 2,
                QueryLength = queries,
                KvLength = keys,
                HeadSize = headSize,
                ValueHeadSize = valueSize,
                Type = type,
                Mask = MaskText.Parse(mask),
                KvSplits = splits,
                Sinks = splits == 2 ? [0.5, -1, 2, 0] : null,
                Bias = splits == 3 ? AlibiBias.Standard(4) : null,
            };
            foreach (var family in Seeded.Families)
            {
                Assert.True(opencl.Require(AttentionTrial.Of(problem, family, random), $"seed {Seed}, {mask}"));
            }
        }
    }

    [Theory]
    [InlineData(1)]
    [InlineData(5)]
    public void LSE_changes_no_bit_of_the_output(int splits)
    {
        var problem = InParts(splits);
        var trial = AttentionTrial.Of(problem, InputFamily.Wide, new Random(Seed)) with { LogSumExpLimit = 1e-4, BudgetShare = 0.8 };
        var (output, logSumExp) = opencl.Backend.Attend(problem, trial.Q, trial.K, trial.V);
        trial.Require(output, logSumExp, $"seed {Seed}");
        var (silent, none) = opencl.Backend.Attend(problem with { LogSumExp = LogSumExpOutput.None }, trial.Q, trial.K, trial.V);
        Assert.Null(none);
        Assert.True(output.Bytes.SequenceEqual(silent.Bytes), $"seed {Seed}");
    }

    // Work-groups come in another order each time; the last one merges, and leaves the count as the next launch needs it.
    [Fact]
    public void A_row_in_parts_has_the_same_bits_whichever_part_comes_last()
    {
        var problem = InParts(5);
        var trial = AttentionTrial.Of(problem, InputFamily.UnitNormal, new Random(Seed)) with { LogSumExpLimit = 1e-4, BudgetShare = 0.8 };
        using var prepared = ((OpenClBackend)opencl.Backend).Prepare(problem);
        prepared.SetInputs(trial.Q, trial.K, trial.V);
        var seen = new HashSet<string>();
        for (var run = 0; run < 30; run++)
        {
            var (output, logSumExp) = (HostTensor.Uninitialized(DType.F16, 2, 4, 50, 16), HostTensor.Uninitialized(DType.F32, 2, 4, 50));
            prepared.Run();
            prepared.GetOutputs(output, logSumExp);
            trial.Require(output, logSumExp, $"seed {Seed}, run {run}");
            seen.Add(Convert.ToHexString(SHA256.HashData([.. output.Bytes, .. logSumExp.Bytes])));
        }

        Assert.Single(seen);
    }

    // Shapes of warps, bits, rings and rows in local memory that differ from one another.
    [Theory]
    [InlineData(DType.F16, 64, 64, 16, 32, 3, 16, 1)]
    [InlineData(DType.BF16, 24, 40, 32, 64, 2, 32, 1)]
    [InlineData(DType.F16, 32, 16, 128, 64, 2, 32, 1)]
    [InlineData(DType.BF16, 16, 64, 64, 128, 2, 16, 1)]
    [InlineData(DType.F16, 64, 16, 64, 32, 2, 16, 2)]
    [InlineData(DType.BF16, 16, 48, 32, 32, 2, 16, 4)]
    public void Every_kind_of_tiling_agrees(DType type, int headSize, int valueSize, int queryTile, int keyTile, int stages, int warpRows, int keyGroups)
    {
        var wanted = new BlockwiseTiling(queryTile, keyTile, stages, warpRows, keyGroups);
        using var backend = new OpenClBackend(OpenClHere.Device, new OpenClOptions
        {
            Mapping = Mapping.Groups,
            Attention = AttentionKernelChoice.Blockwise,
            MatrixUnits = MatrixUnits.Emulated,
            Tiling = wanted,
        });
        var random = new Random(Seed);
        foreach (var (queries, keys, mask, cap) in new (int, int, string, double?)[] { (135, 200, "causal", null), (77, 140, "sliding(9) | prefix(70)", 3) })
        {
            var problem = new AttentionProblem
            {
                Batch = 1,
                QueryHeads = 2,
                KvHeads = 1,
                QueryLength = queries,
                KvLength = keys,
                HeadSize = headSize,
                ValueHeadSize = valueSize,
                Type = type,
                Mask = MaskText.Parse(mask),
                Softcap = cap,
                Scale = cap is null ? null : -0.2,
                LogSumExp = LogSumExpOutput.Natural,
                KvSplits = cap is null ? 1 : 2,
            };
            using (var prepared = ((OpenClBackend)backend).Prepare(problem))
            {
                Assert.EndsWith($"{wanted}", prepared.Kernel, StringComparison.Ordinal);
            }

            var trial = AttentionTrial.Of(problem, InputFamily.UnitNormal, random) with { LogSumExpLimit = 1e-4, BudgetShare = 0.8 };
            var (output, logSumExp) = backend.Attend(trial.Problem, trial.Q, trial.K, trial.V);
            trial.Require(output, logSumExp, $"seed {Seed}, {mask}");
        }
    }

    private static AttentionProblem InParts(int splits) => new()
    {
        Batch = 2,
        QueryHeads = 4,
        KvHeads = 2,
        QueryLength = 50,
        KvLength = 300,
        HeadSize = 16,
        Type = DType.F16,
        Mask = new CausalMask(),
        KvSplits = splits,
        LogSumExp = LogSumExpOutput.Natural,
    };
}
