using System.Collections.Immutable;
using Stof.Reference.Fusion;
using Stof.Reference.Graphs;
using Stof.Reference.Plans;

namespace Stof.Reference.Backends;

/// <summary>A template that covers other operators from the same one on.</summary>
/// <param name="Segment">Its operators.</param>
/// <param name="Template">Its name.</param>
/// <param name="Refusal">Why it does not run; null if it would, and the plan has something else.</param>
public sealed record PlanAlternative(Segment Segment, string Template, Refusal? Refusal);

/// <summary>Why a segment is as it is.</summary>
/// <param name="Segment">The segment.</param>
/// <param name="Kernel">What runs it, as the backend says; empty if it is refused.</param>
/// <param name="Refusal">Why it is refused; null if it runs.</param>
/// <param name="Alternatives">Longer segments from its first operator on, longest first.</param>
public sealed record SegmentExplanation(SegmentPlan Segment, string Kernel, Refusal? Refusal, ImmutableArray<PlanAlternative> Alternatives);

/// <summary>Says of a plan's segments what runs them, and which larger ones were possible or refused, with the reasons.</summary>
public static class PlanExplanation
{
    /// <summary>Explains a plan, segment by segment.</summary>
    public static ImmutableArray<SegmentExplanation> Of(IBackend backend, OperatorGraph graph, Workload workload, ExecutionPlan plan)
    {
        ArgumentNullException.ThrowIfNull(backend);
        ArgumentNullException.ThrowIfNull(graph);
        ArgumentNullException.ThrowIfNull(plan);
        SegmentContext Context(Segment segment) => new(graph, segment, workload, backend.Device);
        return [.. plan.Segments.Select(planned =>
        {
            var (template, context) = (TemplateCatalog.Named(planned.Template), Context(planned.Segment));
            var refusal = backend.Supports(template, context, planned.Parameters);
            var alternatives =
                from length in Enumerable.Range(planned.Segment.Length + 1, graph.Operators.Length - planned.Segment.Start - planned.Segment.Length).Reverse()
                let segment = new Segment(planned.Segment.Start, length)
                let other = TemplateCatalog.Match(graph, segment)
                where other is not null
                select new PlanAlternative(segment, other.Name, backend.Supports(other, Context(segment), ParameterSet.Default(other.Parameters(Context(segment)))));
            return new SegmentExplanation(planned, refusal is null ? backend.Describe(template, context, planned.Parameters) : "", refusal, [.. alternatives]);
        })];
    }
}
