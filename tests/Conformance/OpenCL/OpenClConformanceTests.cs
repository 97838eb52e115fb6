using Stof.Reference.Backends;
using Stof.Reference.Conformance.Tests.Attention;
using Stof.Reference.Conformance.Tests.Models;
using Stof.Reference.Formats;
using Stof.Reference.Masks;
using Stof.Reference.Numerics;
using Stof.Reference.OpenCL.Execution;
using Stof.Reference.OpenCL.Execution.Attention;
using Stof.Reference.Operators;
using Stof.Reference.Tests;

namespace Stof.Reference.Conformance.Tests.OpenCL;

/// <summary>An OpenCL device in the suite, with one mapping and one kernel; the first device that can be used, in CI PoCL's.</summary>
public abstract class OpenClUnderTest : BackendUnderTest
{
    private OpenClBackend? _backend;

    /// <inheritdoc/>
    public override IBackend Backend => _backend ??= new OpenClBackend(OpenClHere.Device, new OpenClOptions { Mapping = Mapping, Attention = Choice });

    /// <inheritdoc/>
    public override double LogSumExpLimit => 1e-4;

    /// <inheritdoc/>
    public override TileShape? TileReadWhole => Choice == AttentionKernelChoice.Rowwise ? null : TileShape.Default;

    /// <inheritdoc/>
    public override int Stride => 4;

    protected abstract Mapping Mapping { get; }

    protected abstract AttentionKernelChoice Choice { get; }
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

public sealed class LanesBlockwisePoisonTests(LanesBlockwise opencl) : PoisonConformance(opencl), IClassFixture<LanesBlockwise>;

public sealed class LanesBlockwiseMetamorphicTests(LanesBlockwise opencl) : MetamorphicConformance(opencl), IClassFixture<LanesBlockwise>;

public sealed class GroupsRowwiseMaskTests(GroupsRowwise opencl) : MaskConformance(opencl), IClassFixture<GroupsRowwise>;

public sealed class GroupsRowwiseOptionTests(GroupsRowwise opencl) : OptionConformance(opencl), IClassFixture<GroupsRowwise>;

public sealed class GroupsRowwiseBufferTests(GroupsRowwise opencl) : BufferConformance(opencl), IClassFixture<GroupsRowwise>;

public sealed class GroupsRowwisePoisonTests(GroupsRowwise opencl) : PoisonConformance(opencl), IClassFixture<GroupsRowwise>;

public sealed class GroupsBlockwiseMaskTests(GroupsBlockwise opencl) : MaskConformance(opencl), IClassFixture<GroupsBlockwise>;

public sealed class GroupsBlockwiseOptionTests(GroupsBlockwise opencl) : OptionConformance(opencl), IClassFixture<GroupsBlockwise>;

public sealed class GroupsBlockwiseBufferTests(GroupsBlockwise opencl) : BufferConformance(opencl), IClassFixture<GroupsBlockwise>;

public sealed class GroupsBlockwisePoisonTests(GroupsBlockwise opencl) : PoisonConformance(opencl), IClassFixture<GroupsBlockwise>;

public sealed class LanesModelTests(LanesBlockwise opencl) : ModelConformance(opencl), IClassFixture<LanesBlockwise>;

/// <summary>Models under the GPU's layout of kernels, where norms behind products and chained products are refused and run in pieces.</summary>
public sealed class GroupsModelTests(GroupsBlockwise opencl) : IClassFixture<GroupsBlockwise>
{
    [Theory]
    [InlineData("gpt2", DType.F32)]
    [InlineData("llama", DType.BF16)]
    [InlineData("t5-encoder", DType.F16)]
    [InlineData("vit-base", DType.F32)]
    public void Every_scheme_agrees_with_the_oracle_layer_by_layer(string preset, DType type) =>
        new Suite(opencl).Every_scheme_agrees_with_the_oracle_layer_by_layer(preset, type);

    private sealed class Suite(BackendUnderTest subject) : ModelConformance(subject);
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
}
