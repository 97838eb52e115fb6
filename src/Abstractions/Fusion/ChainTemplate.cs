using System.Collections.Immutable;
using Stof.Reference.Graphs;

namespace Stof.Reference.Fusion;

/// <summary>
/// Base of templates that cover operators in a row, each reading what the one before it wrote. The shape is a list of operator
/// types, so that a new template is one line in <see cref="TemplateCatalog"/>.
/// </summary>
public abstract class ChainTemplate : FusionTemplate
{
    private readonly ImmutableArray<Type> _pattern;

    /// <summary>Names the template and its operators.</summary>
    protected ChainTemplate(string name, TemplateCategory category, params ReadOnlySpan<Type> pattern)
    {
        Name = name;
        Category = category;
        _pattern = [.. pattern];
    }

    /// <inheritdoc/>
    public sealed override string Name { get; }

    /// <inheritdoc/>
    public sealed override TemplateCategory Category { get; }

    /// <inheritdoc/>
    public override bool Matches(OperatorGraph graph, Segment segment)
    {
        ArgumentNullException.ThrowIfNull(graph);
        if (segment.Length != _pattern.Length)
        {
            return false;
        }

        for (var i = 0; i < segment.Length; i++)
        {
            var op = graph.Operators[segment.Start + i];
            var chained = i == 0 || op.Inputs[0] == graph.Operators[segment.Start + i - 1].Output;
            if (op.GetType() != _pattern[i] || !chained || ReadsInside(graph, segment, op))
            {
                return false;
            }
        }

        return true;
    }

    /// <summary>True if a second operand, such as a residual, is made inside the segment, where no kernel keeps it.</summary>
    private static bool ReadsInside(OperatorGraph graph, Segment segment, GraphOperator op)
    {
        for (var i = segment.Start; i < segment.End; i++)
        {
            if (op.Inputs.AsSpan()[1..].Contains(graph.Operators[i].Output) && op is not AttentionOperator)
            {
                return true;
            }
        }

        return false;
    }

    /// <summary>
    /// As the base rule; besides, a value that is needed outside must be one that the kernel stores: the last one, and the sum
    /// before a closing normalisation. A normalised input that others read too, say, never leaves the prologue.
    /// </summary>
    public override Refusal? Check(SegmentContext context, ParameterSet parameters)
    {
        ArgumentNullException.ThrowIfNull(context);
        var last = context.Operators[^1];
        var beforeNorm = last is NormOperator && context.Operators.Length > 1 ? context.Operators[^2].Output : last.Output;
        foreach (var value in context.StoredValues())
        {
            if (value != last.Output && value != beforeNorm)
            {
                return new Refusal("stored-value", $"'{context.Graph.Values[value].Name}' is needed outside the segment and would not be stored");
            }
        }

        return base.Check(context, parameters);
    }
}
