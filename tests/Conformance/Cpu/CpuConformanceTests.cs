using Stof.Reference.Backends;
using Stof.Reference.Conformance.Tests.Attention;
using Stof.Reference.Conformance.Tests.Models;
using Stof.Reference.Cpu.Execution;
using Stof.Reference.Formats;

namespace Stof.Reference.Conformance.Tests.Cpu;

/// <summary>The CPU backend in the suite: an exact exponential, and masked keys are never multiplied.</summary>
public sealed class CpuUnderTest : BackendUnderTest
{
    /// <inheritdoc/>
    public override IBackend Backend { get; } = new CpuBackend(2);

    /// <inheritdoc/>
    public override double LogSumExpLimit => 1e-5;

    /// <inheritdoc/>
    public override TileShape? TileReadWhole => null;
}

public sealed class CpuMaskTests(CpuUnderTest cpu) : MaskConformance(cpu), IClassFixture<CpuUnderTest>;

public sealed class CpuOptionTests(CpuUnderTest cpu) : OptionConformance(cpu), IClassFixture<CpuUnderTest>;

public sealed class CpuBufferTests(CpuUnderTest cpu) : BufferConformance(cpu), IClassFixture<CpuUnderTest>;

public sealed class CpuPoisonTests(CpuUnderTest cpu) : PoisonConformance(cpu), IClassFixture<CpuUnderTest>;

public sealed class CpuMetamorphicTests(CpuUnderTest cpu) : MetamorphicConformance(cpu), IClassFixture<CpuUnderTest>;

public sealed class CpuModelTests(CpuUnderTest cpu) : ModelConformance(cpu), IClassFixture<CpuUnderTest>;
