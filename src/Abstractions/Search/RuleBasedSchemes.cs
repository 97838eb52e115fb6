using Stof.Reference.Backends;
using Stof.Reference.Fusion;
using Stof.Reference.Graphs;

namespace Stof.Reference.Search;

/// <summary>
/// Fusion schemes that rules give without measuring: where the search starts, and what it is compared with.
/// </summary>
public static class RuleBasedSchemes
{
    /// <summary>Rows (batch·length) up to which the start scheme chains two products; beyond, the middle value no longer fits.</summary>
    private const int ChainRows = 256;

    private static readonly string[] Chains =
        ["norm-gemm-chain-residual", "norm-gemm-chain", "gemm-chain-residual-norm", "gemm-chain-residual", "gemm-chain"];

    private static readonly string[] SingleProducts = ["gemm-bias", "gemm-activation", "gemm-residual", "gemm-residual-norm"];

    private static readonly string[] NormedProducts = ["norm-gemm", "norm-gemm-bias", "norm-gemm-activation"];

    /// <summary>
    /// The start of the search: attention fused, epilogues fused, products chained where rows are few, output rows normalised
    /// in place where a row fits the device's fast memory (the templates' legality says so).
    /// </summary>
    public static FusionScheme Initial(OperatorGraph graph, Workload workload, DeviceDescription device)
    {
        ArgumentNullException.ThrowIfNull(workload);
        var chains = workload.Rows <= ChainRows ? Chains : [];
        return Greedy(graph, workload, device, ["attention", .. chains, .. SingleProducts, .. NormedProducts, "residual-norm"]);
    }

    /// <summary>Every operator on its own.</summary>
    public static FusionScheme Detached(OperatorGraph graph)
    {
        ArgumentNullException.ThrowIfNull(graph);
        return FusionScheme.Detached(graph.Operators.Length);
    }

    /// <summary>Attention fused, everything else on its own: the baseline where detached scores would not fit.</summary>
    public static FusionScheme AttentionOnly(OperatorGraph graph)
    {
        ArgumentNullException.ThrowIfNull(graph);
        var first = graph.Operators.ToList().FindIndex(op => op is AttentionOperator);
        var steps = graph.Operators.Count(op => op is AttentionOperator);
        var after = graph.Operators.Length - first - steps;
        return FusionScheme.FromLengths([.. Enumerable.Repeat(1, first), steps, .. Enumerable.Repeat(1, after)]);
    }

    /// <summary>Only memory-intensive neighbours are fused: what a graph compiler does around library products.</summary>
    public static FusionScheme ElementwiseOnly(OperatorGraph graph, Workload workload, DeviceDescription device) =>
        Greedy(graph, workload, device, ["residual-norm"]);

    /// <summary>DeepSpeed Inference's fixed regions: norm + QKV, attention, products with their epilogues, norm + first FFN product.</summary>
    public static FusionScheme DeepSpeedRegions(OperatorGraph graph, Workload workload, DeviceDescription device) =>
        Greedy(graph, workload, device, ["attention", "gemm-bias", "gemm-activation", "gemm-residual", .. NormedProducts]);

    /// <summary>Walks the operators and takes, at each, the longest legal segment of an allowed template.</summary>
    private static FusionScheme Greedy(OperatorGraph graph, Workload workload, DeviceDescription device, string[] allowed)
    {
        ArgumentNullException.ThrowIfNull(graph);
        var lengths = new List<int>();
        for (var start = 0; start < graph.Operators.Length; start += lengths[^1])
        {
            var length = graph.Operators.Length - start;
            for (; length > 1; length--)
            {
                var segment = new Segment(start, length);
                if (TemplateCatalog.Match(graph, segment) is { } template
                    && allowed.Contains(template.Name)
                    && Legal(template, new SegmentContext(graph, segment, workload, device)))
                {
                    break;
                }
            }

            lengths.Add(length);
        }

        return FusionScheme.FromLengths(lengths);
    }

    private static bool Legal(FusionTemplate template, SegmentContext context) =>
        template.Check(context, ParameterSet.Default(template.Parameters(context))) is null;
}
