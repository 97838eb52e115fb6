using System.Collections.Immutable;

namespace Stof.Reference.Fusion;

/// <summary>Memory-intensive operators in one walk over the rows (MI+MI): each element is loaded once and stored once.</summary>
public sealed class RowTemplate : ChainTemplate
{
    /// <summary>Names the template and its operators.</summary>
    public RowTemplate(string name, TemplateCategory category, params ReadOnlySpan<Type> pattern)
        : base(name, category, pattern)
    {
    }

    /// <inheritdoc/>
    public override ImmutableArray<TunableParameter> Parameters(SegmentContext context) => []; // the bytes of a row decide

    /// <inheritdoc/>
    public override long Footprint(SegmentContext context, ParameterSet parameters)
    {
        ArgumentNullException.ThrowIfNull(context);
        return (long)sizeof(float) * context.Graph.Values[context.Operators[^1].Output].Width;
    }
}
