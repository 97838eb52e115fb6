using System.Collections.Immutable;
using Stof.Reference.Graphs;

namespace Stof.Reference.Fusion;

/// <summary>
/// One product with what can ride on it (CI+MI): a normalisation of its input rows on the way in, bias, activation, residual
/// on the way out, and a normalisation of the output row where a worker owns whole rows.
/// </summary>
public sealed class GemmTemplate : ChainTemplate
{
    /// <summary>Rows of the input that a task multiplies.</summary>
    public const string RowBlock = "row-block";

    /// <summary>Depth of one packed step.</summary>
    public const string DepthBlock = "depth-block";

    /// <summary>What a kernel left to itself needs at least: one register tile of rows.</summary>
    internal const int LeastRows = 12;

    /// <summary>Columns of the output that a task owns.</summary>
    public const string ColumnBlock = "column-block";

    /// <summary>Tile of a product, on devices that have a list of them.</summary>
    public const string Tile = "tile";

    /// <summary>Ranges of the depth that are multiplied apart and added up, on the same devices.</summary>
    public const string Splits = "splits";

    /// <summary>Names the template and its operators, exactly one of them a product.</summary>
    public GemmTemplate(string name, TemplateCategory category, params ReadOnlySpan<Type> pattern)
        : base(name, category, pattern)
    {
    }

    /// <inheritdoc/>
    public override ImmutableArray<TunableParameter> Parameters(SegmentContext context)
    {
        ArgumentNullException.ThrowIfNull(context);
        if (!context.Device.ProductTiles.IsEmpty)
        {
            return [new TunableParameter(Tile, [TunableParameter.Auto, .. context.Device.ProductTiles]), TunableParameter.OrAuto(Splits, 1, 2, 3, 4, 6, 8, 12)];
        }

        var rows = TunableParameter.OrAuto(RowBlock, 24, 48, 96, 192);
        var depth = TunableParameter.OrAuto(DepthBlock, 128, 256, 384, 768);
        // A normalised output row must be whole: its task owns every column.
        return NormalisesOutput(context)
            ? [rows, depth]
            : [rows, depth, TunableParameter.OrAuto(ColumnBlock, 128, 256, 512, 1024)];
    }

    /// <inheritdoc/>
    public override long Footprint(SegmentContext context, ParameterSet parameters)
    {
        ArgumentNullException.ThrowIfNull(context);
        ArgumentNullException.ThrowIfNull(parameters);
        if (!context.Device.ProductTiles.IsEmpty)
        {
            return 0; // a tile of the list fits, or the device would not list it
        }

        var gemm = Product(context);
        long rows = parameters.NumberOrAuto(RowBlock) ?? LeastRows;
        long depth = Math.Min(parameters.NumberOrAuto(DepthBlock) ?? gemm.Depth, gemm.Depth);
        return sizeof(float) * ((rows * depth) + (NormalisesOutput(context) ? rows * gemm.Width : 0));
    }

    private static bool NormalisesOutput(SegmentContext context) => context.Operators.Length > 1 && context.Operators[^1] is NormOperator;

    private static GemmOperator Product(SegmentContext context)
    {
        foreach (var op in context.Operators)
        {
            if (op is GemmOperator gemm)
            {
                return gemm;
            }
        }

        throw new ArgumentException("the segment has no product", nameof(context));
    }
}
