using Stof.Reference.Graphs;
using Stof.Reference.Numerics;

namespace Stof.Reference.Fusion;

/// <summary>Traffic, work and passes of a segment.</summary>
public static class SegmentCost
{
    /// <summary>Counts what enters and leaves a segment and what it multiplies.</summary>
    /// <param name="context">The segment.</param>
    /// <param name="rowsStayLive">True if a fused kernel keeps whole rows (or online statistics) while it reduces them.</param>
    public static CostEstimate Estimate(SegmentContext context, bool rowsStayLive)
    {
        ArgumentNullException.ThrowIfNull(context);
        var graph = context.Graph;
        var workload = context.Workload;
        var written = new HashSet<int>();
        var read = new HashSet<int>();
        double weights = 0;
        double flops = 0;
        foreach (var op in context.Operators)
        {
            read.UnionWith(op.Inputs.Where(input => !written.Contains(input)));
            written.Add(op.Output);
            flops += Flops(graph, op, workload);
            weights += op is GemmOperator gemm ? (double)gemm.Width * gemm.Depth : 0;
        }

        var passes = Passes(context, rowsStayLive);
        var moved = read.Sum(value => Bytes(graph, value, workload) * passes)
            + context.StoredValues().Sum(value => Bytes(graph, value, workload))
            + (weights * workload.Type.Size());
        return new CostEstimate(moved, flops, passes);
    }

    /// <summary>
    /// FuseMax's pass count: a reduction over an axis whose fibre is not held in fast memory forces another walk over it. A
    /// kernel that keeps the row, or updates its statistics online, needs one pass.
    /// </summary>
    public static int Passes(SegmentContext context, bool rowsStayLive)
    {
        ArgumentNullException.ThrowIfNull(context);
        var passes = 1;
        foreach (var op in context.Operators)
        {
            passes += op.ReducesRow && !rowsStayLive ? 1 : 0;
        }

        return passes;
    }

    private static double Bytes(OperatorGraph graph, int value, Workload workload)
    {
        var width = graph.Values[value].Width;
        return width > 0
            ? (double)workload.Rows * width * workload.Type.Size()
            : (double)workload.Batch * graph.Attention!.QueryHeads * workload.Length * workload.Length * sizeof(float);
    }

    private static double Flops(OperatorGraph graph, GraphOperator op, Workload workload) => op switch
    {
        GemmOperator gemm => 2.0 * workload.Rows * gemm.Width * gemm.Depth,
        AttentionOperator { IsComputeIntensive: true } =>
            2.0 * graph.Attention!.HeadSize * workload.LoadedPairs(graph.Attention.QueryHeads),
        _ => 0,
    };
}
