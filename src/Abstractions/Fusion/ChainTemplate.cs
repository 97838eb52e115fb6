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
            if (op.GetType() != _pattern[i] || !chained)
            {
                return false;
            }
        }

        return true;
    }
}
