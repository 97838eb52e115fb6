using Stof.Reference.Backends;
using Stof.Reference.Fusion;
using Stof.Reference.Graphs;
using Stof.Reference.Plans;

namespace Stof.Reference.Search;

/// <summary>
/// A clock that computes instead of measuring: max(bytes / bandwidth, flops / rate) plus a launch cost a segment. Deterministic,
/// so that the search can be tested and schemes ranked without a device.
/// </summary>
/// <param name="graph">The layer.</param>
/// <param name="workload">What it is run on.</param>
/// <param name="device">Where.</param>
/// <param name="bytesPerSecond">Memory bandwidth.</param>
/// <param name="flopsPerSecond">Arithmetic rate.</param>
/// <param name="launchSeconds">Fixed cost of starting a segment.</param>
public sealed class CostModelMeasurer(
    OperatorGraph graph, Workload workload, DeviceDescription device, double bytesPerSecond, double flopsPerSecond, double launchSeconds)
    : ISegmentMeasurer
{
    /// <inheritdoc/>
    public double? Measure(Segment segment, FusionTemplate template, ParameterSet parameters)
    {
        ArgumentNullException.ThrowIfNull(template);
        var context = new SegmentContext(graph, segment, workload, device);
        if (template.Check(context, parameters) is not null)
        {
            return null;
        }

        var cost = template.Cost(context);
        return launchSeconds + Math.Max(cost.Bytes / bytesPerSecond, cost.Flops / flopsPerSecond);
    }

    /// <inheritdoc/>
    public IReadOnlyList<double> MeasureLayers(IReadOnlyList<ExecutionPlan> plans) =>
        [.. plans.Select(plan => plan.Segments.Sum(segment =>
            Measure(segment.Segment, TemplateCatalog.Named(segment.Template), segment.Parameters) ?? double.PositiveInfinity))];

    /// <inheritdoc/>
    public void Dispose()
    {
    }
}
