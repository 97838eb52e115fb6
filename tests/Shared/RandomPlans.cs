using Stof.Reference.Backends;
using Stof.Reference.Fusion;
using Stof.Reference.Graphs;
using Stof.Reference.Plans;

namespace Stof.Reference.Tests;

/// <summary>Random legal plans: the whole space that a search moves in.</summary>
internal static class RandomPlans
{
    /// <summary>Draws segments from left to right among the templates that match, and their parameters among the legal ones.</summary>
    public static ExecutionPlan Draw(OperatorGraph graph, Workload workload, IBackend backend, Random random)
    {
        var segments = new List<SegmentPlan>();
        for (var start = 0; start < graph.Operators.Length; start = segments[^1].Segment.End)
        {
            var choices = new List<SegmentPlan>();
            for (var length = 1; start + length <= graph.Operators.Length; length++)
            {
                var segment = new Segment(start, length);
                if (TemplateCatalog.Match(graph, segment) is not { } template)
                {
                    continue;
                }

                var context = new SegmentContext(graph, segment, workload, backend.Device);
                for (var draw = 0; draw < 20; draw++)
                {
                    var parameters = ParameterSet.Sample(template.Parameters(context), random);
                    if (backend.Supports(template, context, parameters) is null)
                    {
                        choices.Add(new SegmentPlan(segment, template.Name, parameters));
                        break;
                    }
                }
            }

            segments.Add(choices[random.Next(choices.Count)]);
        }

        return new ExecutionPlan
        {
            GraphHash = graph.Hash(),
            Device = backend.Device.Fingerprint,
            Workload = ExecutionPlan.WorkloadKey(workload),
            Segments = [.. segments],
        };
    }
}
