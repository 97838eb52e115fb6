using System.Collections.Immutable;
using System.Security.Cryptography;
using System.Text;
using Stof.Reference.Backends;
using Stof.Reference.Fusion;
using Stof.Reference.Graphs;

namespace Stof.Reference.Plans;

/// <summary>How one segment is run.</summary>
/// <param name="Segment">Which operators.</param>
/// <param name="Template">Name of the template.</param>
/// <param name="Parameters">Its parameters.</param>
public sealed record SegmentPlan(Segment Segment, string Template, ParameterSet Parameters);

/// <summary>
/// A fusion scheme with a template and parameters for every segment of the layer graph: all that is needed to repeat a run.
/// </summary>
public sealed record ExecutionPlan
{
    private const int LongestMask = 256;

    /// <summary>Hash of the layer graph that the plan is for.</summary>
    public required string GraphHash { get; init; }

    /// <summary>Fingerprint of the device that it was made on.</summary>
    public required string Device { get; init; }

    /// <summary>Batch, length, dtype and mask that it was made for, as text.</summary>
    public required string Workload { get; init; }

    /// <summary>Segments, in order.</summary>
    public required ImmutableArray<SegmentPlan> Segments { get; init; }

    /// <summary>The scheme that the segments spell.</summary>
    public FusionScheme Scheme => FusionScheme.FromLengths(Segments.Select(segment => segment.Segment.Length));

    /// <summary>Every operator on its own with default parameters: the baseline of every comparison.</summary>
    public static ExecutionPlan Detached(OperatorGraph graph, Workload workload, DeviceDescription device) =>
        FromScheme(graph, workload, device, FusionScheme.Detached(graph.Operators.Length));

    /// <summary>A scheme with default parameters everywhere.</summary>
    /// <exception cref="InvalidInputException">A segment has no template.</exception>
    public static ExecutionPlan FromScheme(OperatorGraph graph, Workload workload, DeviceDescription device, FusionScheme scheme)
    {
        ArgumentNullException.ThrowIfNull(graph);
        ArgumentNullException.ThrowIfNull(scheme);
        ArgumentNullException.ThrowIfNull(device);
        return new ExecutionPlan
        {
            GraphHash = graph.Hash(),
            Device = device.Fingerprint,
            Workload = WorkloadKey(workload),
            Segments = [.. scheme.Segments.Select(segment =>
            {
                var template = TemplateCatalog.Match(graph, segment)
                    ?? throw new InvalidInputException("scheme", $"{scheme} with segment {segment}", "segments that a template covers");
                var context = new SegmentContext(graph, segment, workload, device);
                return new SegmentPlan(segment, template.Name, ParameterSet.Default(template.Parameters(context)));
            })],
        };
    }

    /// <summary>What a workload is called inside a plan and a cache key.</summary>
    public static string WorkloadKey(Workload workload)
    {
        ArgumentNullException.ThrowIfNull(workload);
        var mask = workload.Mask.ToString();
        if (mask.Length > LongestMask)
        {
            // A dense mask spells every bit; its hash tells it apart as well.
            mask = $"sha256:{Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes(mask)))}";
        }

        return $"{workload.Batch}x{workload.Length} {workload.Type} {mask}";
    }

    /// <summary>Checks the plan against a graph: its hash, complete cover, templates that match, parameters that are legal.</summary>
    /// <returns>This plan.</returns>
    /// <exception cref="InvalidInputException">Something does not fit; the message names it.</exception>
    public ExecutionPlan Validated(OperatorGraph graph, Workload workload, DeviceDescription device)
    {
        ArgumentNullException.ThrowIfNull(graph);
        if (GraphHash != graph.Hash())
        {
            throw new InvalidInputException("plan", $"made for graph {GraphHash}", $"a plan for graph {graph.Hash()}");
        }

        var next = 0;
        foreach (var (segment, name, parameters) in Segments)
        {
            if (segment.Start != next || segment.Length < 1 || segment.End > graph.Operators.Length)
            {
                throw new InvalidInputException("plan", $"segment {segment}", $"one that starts at operator {next}");
            }

            next = segment.End;
            var template = TemplateCatalog.Named(name);
            if (!template.Matches(graph, segment))
            {
                throw new InvalidInputException("plan", $"template {name} on segment {segment}", "a template that covers these operators");
            }

            if (template.Check(new SegmentContext(graph, segment, workload, device), parameters) is { } refusal)
            {
                throw new InvalidInputException($"plan, segment {segment} {name}", refusal.Reason, "legal parameters");
            }
        }

        return next == graph.Operators.Length
            ? this
            : throw new InvalidInputException("plan", $"{next} operators", $"all {graph.Operators.Length}");
    }
}
