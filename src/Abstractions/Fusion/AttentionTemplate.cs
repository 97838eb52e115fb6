using System.Collections.Immutable;
using Stof.Reference.Graphs;

namespace Stof.Reference.Fusion;

/// <summary>
/// The five steps of attention in one kernel: scores of a tile live in fast memory, softmax runs online, and only loaded tiles
/// of the two-level mask are visited. Block-wise works tile by tile; row-wise gathers the allowed keys of single rows.
/// </summary>
public sealed class AttentionTemplate : FusionTemplate
{
    /// <summary>Which kernel: <c>blockwise</c> or <c>rowwise</c>.</summary>
    public const string Algorithm = "algorithm";

    /// <summary>Queries of a tile.</summary>
    public const string TileRows = "bm";

    /// <summary>Keys of a tile.</summary>
    public const string TileColumns = "bn";

    /// <summary>Number of attention operators.</summary>
    private const int Steps = 5;

    /// <inheritdoc/>
    public override string Name => "attention";

    /// <inheritdoc/>
    public override TemplateCategory Category => TemplateCategory.Attention;

    /// <inheritdoc/>
    public override bool Matches(OperatorGraph graph, Segment segment)
    {
        ArgumentNullException.ThrowIfNull(graph);
        return segment.Length == Steps && graph.Operators[segment.Start] is AttentionOperator { Step: AttentionStep.Scores };
    }

    /// <inheritdoc/>
    public override ImmutableArray<TunableParameter> Parameters(SegmentContext context) =>
    [
        new TunableParameter(Algorithm, ["blockwise", "rowwise"]),
        TunableParameter.Of(TileRows, 64, 16, 32, 128),
        TunableParameter.Of(TileColumns, 64, 16, 32, 128),
    ];

    /// <inheritdoc/>
    public override long Footprint(SegmentContext context, ParameterSet parameters)
    {
        ArgumentNullException.ThrowIfNull(context);
        ArgumentNullException.ThrowIfNull(parameters);
        long size = context.Graph.Attention!.HeadSize;
        long rows = parameters.Number(TileRows);
        long columns = parameters.Number(TileColumns);
        return sizeof(float) * ((2 * rows * size) + (rows * columns) + (2 * columns * size));
    }
}
