using System.Collections.Immutable;
using Stof.Reference.Backends;
using Stof.Reference.Graphs;

namespace Stof.Reference.Fusion;

/// <summary>STOF's categories of fused segments; CI is compute-intensive (a matrix product), MI memory-intensive.</summary>
public enum TemplateCategory
{
    /// <summary>One operator, not fused with anything.</summary>
    Detached,

    /// <summary>Memory-intensive operators only.</summary>
    MiMi,

    /// <summary>One product with memory-intensive operators around it.</summary>
    CiMi,

    /// <summary>Two products, the value between them never stored.</summary>
    CiCi,

    /// <summary>The five steps of attention in one kernel.</summary>
    Attention,
}

/// <summary>Why a template cannot run a segment: a stable code for programs, a sentence for people.</summary>
/// <param name="Code">Stable code, such as <c>footprint</c>.</param>
/// <param name="Reason">What does not fit, with the numbers.</param>
public sealed record Refusal(string Code, string Reason);

/// <summary>What a segment costs, for ranking and reports.</summary>
/// <param name="Bytes">Memory traffic: what enters and leaves the segment, weights included, times the passes over it.</param>
/// <param name="Flops">Multiplications and additions of the products, loaded tiles only.</param>
/// <param name="Passes">How often the widest value is walked (FuseMax's count).</param>
public sealed record CostEstimate(double Bytes, double Flops, int Passes);

/// <summary>A segment of a graph under a workload on a device: all that a template may look at.</summary>
/// <param name="Graph">The graph.</param>
/// <param name="Segment">Its operators.</param>
/// <param name="Workload">Batch, length, dtype, mask.</param>
/// <param name="Device">Where it would run.</param>
public sealed record SegmentContext(OperatorGraph Graph, Segment Segment, Workload Workload, DeviceDescription Device)
{
    /// <summary>The operators of the segment.</summary>
    public ReadOnlySpan<GraphOperator> Operators => Graph.Operators.AsSpan(Segment.Start, Segment.Length);

    /// <summary>Values that must be stored: written inside, needed outside.</summary>
    public IEnumerable<int> StoredValues()
    {
        for (var i = Segment.Start; i < Segment.End; i++)
        {
            if (Graph.IsLiveAfter(Graph.Operators[i].Output, Segment.End - 1))
            {
                yield return Graph.Operators[i].Output;
            }
        }
    }
}

/// <summary>
/// A way to run a segment as one kernel. Backend-neutral: the shape of the segment it covers, its parameters, when it is legal
/// and what it costs. A backend brings the kernel or refuses with a reason.
/// </summary>
public abstract class FusionTemplate
{
    /// <summary>Name, such as <c>gemm-residual-norm</c>.</summary>
    public abstract string Name { get; }

    /// <summary>Category.</summary>
    public abstract TemplateCategory Category { get; }

    /// <summary>True if the segment has this template's shape.</summary>
    public abstract bool Matches(OperatorGraph graph, Segment segment);

    /// <summary>Parameters a search may choose, defaults first.</summary>
    public abstract ImmutableArray<TunableParameter> Parameters(SegmentContext context);

    /// <summary>Bytes that must stay in a worker's fast memory for the fusion to make sense.</summary>
    public abstract long Footprint(SegmentContext context, ParameterSet parameters);

    /// <summary>Null if the template may run with these parameters, or why not.</summary>
    public virtual Refusal? Check(SegmentContext context, ParameterSet parameters)
    {
        ArgumentNullException.ThrowIfNull(context);
        ArgumentNullException.ThrowIfNull(parameters);
        if (context.Device.MissingTemplates.Contains(Name))
        {
            return new Refusal("no-kernel", $"{context.Device.Backend} has no kernel for {Name}");
        }

        foreach (var parameter in Parameters(context))
        {
            if (!parameters.Values.TryGetValue(parameter.Name, out var value) || !parameter.Values.Contains(value))
            {
                return new Refusal("parameter", $"{parameter.Name}={value ?? "missing"} is not one of {string.Join(", ", parameter.Values)}");
            }
        }

        var footprint = Footprint(context, parameters);
        return footprint > context.Device.FastMemoryBytes
            ? new Refusal("footprint", $"needs {footprint:N0} bytes of fast memory, the device has {context.Device.FastMemoryBytes:N0}")
            : null;
    }

    /// <summary>Estimated cost.</summary>
    public virtual CostEstimate Cost(SegmentContext context) => SegmentCost.Estimate(context, Category != TemplateCategory.Detached);

    /// <summary>Name of the template.</summary>
    public override string ToString() => Name;
}
