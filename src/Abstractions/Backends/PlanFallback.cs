using System.Collections.Immutable;
using Stof.Reference.Fusion;
using Stof.Reference.Graphs;
using Stof.Reference.Plans;

namespace Stof.Reference.Backends;

/// <summary>A segment that a backend refused, and why.</summary>
/// <param name="Segment">The segment as it was planned.</param>
/// <param name="Refusal">The reason.</param>
public sealed record RefusedSegment(SegmentPlan Segment, Refusal Refusal);

/// <summary>A plan that a backend runs, and what had to be taken apart for it.</summary>
/// <param name="Plan">The plan.</param>
/// <param name="Refused">Segments that run in smaller ones instead.</param>
public sealed record PlanFallback(ExecutionPlan Plan, ImmutableArray<RefusedSegment> Refused)
{
    /// <summary>
    /// Takes refused segments apart, from left to right into the longest ones that run, with default parameters; the steps of an attention stay together
    /// where the backend stores no scores.
    /// </summary>
    /// <exception cref="InvalidInputException">An operator on its own is refused too.</exception>
    public static PlanFallback For(IBackend backend, OperatorGraph graph, Workload workload, ExecutionPlan plan)
    {
        ArgumentNullException.ThrowIfNull(backend);
        ArgumentNullException.ThrowIfNull(graph);
        ArgumentNullException.ThrowIfNull(plan);
        var refused = new List<RefusedSegment>();
        var segments = new List<SegmentPlan>();
        foreach (var segment in plan.Segments)
        {
            if (segments.Count > 0 && segment.Segment.Start < segments[^1].Segment.End)
            {
                continue; // a step of an attention that became one segment at its first step
            }

            if (RefusalOf(segment) is not { } refusal)
            {
                segments.Add(segment);
                continue;
            }

            refused.Add(new RefusedSegment(segment, refusal));
            for (var start = segment.Segment.Start; start < segment.Segment.End; start = segments[^1].Segment.End)
            {
                segments.Add(Longest(start, segment.Segment, refusal));
            }
        }

        return new PlanFallback(plan with { Segments = [.. segments] }, [.. refused]);

        Refusal? RefusalOf(SegmentPlan segment) =>
            backend.Supports(TemplateCatalog.Named(segment.Template), new SegmentContext(graph, segment.Segment, workload, backend.Device), segment.Parameters);

        SegmentPlan Longest(int start, Segment refusedSegment, Refusal first)
        {
            var last = first;
            var whole = Enumerable.Range(1, refusedSegment.End - start).Reverse().Where(length => length < refusedSegment.Length);
            var longer = Enumerable.Range(1, graph.Operators.Length - start).Where(length => start + length > refusedSegment.End); // an attention
            foreach (var length in whole.Concat(longer))
            {
                var segment = new Segment(start, length);
                if (TemplateCatalog.Match(graph, segment) is not { } template || (start + length > refusedSegment.End && template is not AttentionTemplate))
                {
                    continue;
                }

                var defaults = ParameterSet.Default(template.Parameters(new SegmentContext(graph, segment, workload, backend.Device)));
                var candidate = new SegmentPlan(segment, template.Name, defaults);
                if (RefusalOf(candidate) is not { } refusal)
                {
                    return candidate;
                }

                last = refusal;
            }

            throw new InvalidInputException($"operator '{graph.Operators[start].Name}'", last.Reason, $"one that {backend.Device.Backend} runs");
        }
    }
}
