using System.Collections.Immutable;
using Stof.Reference.Graphs;

namespace Stof.Reference.Fusion;

/// <summary>
/// Two products with the activation between them (CI+CI): the wide middle value lives only in fast memory, a row block at a
/// time. Pays where rows are few; where they are many, storing the middle costs less than keeping it.
/// </summary>
public sealed class GemmChainTemplate : ChainTemplate
{
    /// <summary>Names the template and its operators: product, activation, product, and what rides on the second.</summary>
    public GemmChainTemplate(string name, params ReadOnlySpan<Type> pattern)
        : base(name, TemplateCategory.CiCi, pattern)
    {
    }

    /// <inheritdoc/>
    public override ImmutableArray<TunableParameter> Parameters(SegmentContext context)
    {
        ArgumentNullException.ThrowIfNull(context);
        return context.Device.ProductTiles.IsEmpty
            ? [TunableParameter.OrAuto(GemmTemplate.RowBlock, 24, 48, 96), TunableParameter.Of(GemmTemplate.DepthBlock, 256, 128, 384, 768)]
            : []; // the widths decide
    }

    /// <inheritdoc/>
    public override long Footprint(SegmentContext context, ParameterSet parameters)
    {
        ArgumentNullException.ThrowIfNull(context);
        ArgumentNullException.ThrowIfNull(parameters);
        if (!context.Device.ProductTiles.IsEmpty)
        {
            return 0; // the backend counts its registers and its shared memory
        }

        long widths = 0;
        foreach (var op in context.Operators)
        {
            widths += op is GemmOperator gemm ? gemm.Width : 0;
        }

        return sizeof(float) * (parameters.NumberOrAuto(GemmTemplate.RowBlock) ?? GemmTemplate.LeastRows) * widths;
    }
}
