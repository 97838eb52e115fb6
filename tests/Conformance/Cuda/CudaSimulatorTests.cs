using Stof.Reference.Backends;
using Stof.Reference.Conformance.Tests.Attention;
using Stof.Reference.Conformance.Tests.Models;
using Stof.Reference.Cuda.Execution;
using Stof.Reference.Cuda.Ptx;
using Stof.Reference.Formats;
using Stof.Reference.Fusion;

namespace Stof.Reference.Conformance.Tests.Cuda;

/// <summary>
/// The row-wise CUDA kernel on the simulator, where any finding (a race, an unwritten register, an address off by one) fails the launch. It
/// reads allowed keys only.
/// </summary>
public sealed class SimulatedRowwise : BackendUnderTest
{
    /// <inheritdoc/>
    public override IBackend Backend { get; } = new CudaBackend(new SimulatedKernelDevice(Target.Sm80), isRowwiseOnly: true);

    /// <inheritdoc/>
    public override double LogSumExpLimit => 1e-4;

    /// <inheritdoc/>
    public override TileShape? TileReadWhole => null;

    /// <inheritdoc/>
    public override int Stride => 10;
}

/// <summary>The block-wise CUDA kernel on the simulator wherever it computes a problem, which it does by whole tiles; else the row-wise one.</summary>
public sealed class SimulatedBlockwise : BackendUnderTest
{
    /// <inheritdoc/>
    public override IBackend Backend { get; } = new CudaBackend(new SimulatedKernelDevice(Target.Sm80));

    /// <inheritdoc/>
    public override double LogSumExpLimit => 1e-4;

    /// <inheritdoc/>
    public override TileShape? TileReadWhole => new TileShape(128, 128);

    /// <inheritdoc/>
    public override double BudgetShare => 0.8;

    /// <inheritdoc/>
    public override int Stride => 10;
}

public sealed class SimulatedRowwiseMaskTests(SimulatedRowwise cuda) : MaskConformance(cuda), IClassFixture<SimulatedRowwise>;

public sealed class SimulatedRowwiseOptionTests(SimulatedRowwise cuda) : OptionConformance(cuda), IClassFixture<SimulatedRowwise>;

public sealed class SimulatedRowwiseBufferTests(SimulatedRowwise cuda) : BufferConformance(cuda), IClassFixture<SimulatedRowwise>;

public sealed class SimulatedRowwisePoisonTests(SimulatedRowwise cuda) : PoisonConformance(cuda), IClassFixture<SimulatedRowwise>;

public sealed class SimulatedRowwiseMetamorphicTests(SimulatedRowwise cuda) : MetamorphicConformance(cuda), IClassFixture<SimulatedRowwise>;

public sealed class SimulatedBlockwiseMaskTests(SimulatedBlockwise cuda) : MaskConformance(cuda), IClassFixture<SimulatedBlockwise>;

public sealed class SimulatedBlockwiseOptionTests(SimulatedBlockwise cuda) : OptionConformance(cuda), IClassFixture<SimulatedBlockwise>;

public sealed class SimulatedBlockwiseBufferTests(SimulatedBlockwise cuda) : BufferConformance(cuda), IClassFixture<SimulatedBlockwise>;

public sealed class SimulatedBlockwisePoisonTests(SimulatedBlockwise cuda) : PoisonConformance(cuda), IClassFixture<SimulatedBlockwise>;

/// <summary>Models on the simulator: products, rows and attentions, bound by plans; for a target with clusters, so that they are met.</summary>
public sealed class SimulatedModels : BackendUnderTest
{
    /// <inheritdoc/>
    public override IBackend Backend { get; } = new CudaBackend(new SimulatedKernelDevice(Target.Sm90));

    /// <inheritdoc/>
    public override double LogSumExpLimit => 1e-4;

    /// <inheritdoc/>
    public override TileShape? TileReadWhole => new TileShape(128, 128);

    /// <inheritdoc/>
    public override IReadOnlyList<TemplateCategory> Categories { get; } =
        [TemplateCategory.Detached, TemplateCategory.MiMi, TemplateCategory.CiMi, TemplateCategory.Attention];

    /// <inheritdoc/>
    public override int Stride => 10;
}

public sealed class SimulatedModelTests(SimulatedModels cuda) : ModelConformance(cuda), IClassFixture<SimulatedModels>;
