using System.CommandLine;
using Stof.Reference.Numerics;
using Stof.Reference.Operators;
using Stof.Reference.Verification.Cases;

namespace Stof.Reference.Cli.Running;

/// <summary>The arguments that give a problem its extents where no tensors do.</summary>
internal sealed class ShapeArguments
{
    private readonly Option<int> _batch = new("--batch") { Description = "batch items", DefaultValueFactory = _ => 1 };
    private readonly Option<int> _heads = new("--heads") { Description = "query heads", DefaultValueFactory = _ => 1 };
    private readonly Option<int?> _kvHeads = new("--kv-heads") { Description = "KV heads; as many as query heads by default" };
    private readonly Option<int?> _queries = new("--seq") { Description = "queries" };
    private readonly Option<int?> _keys = new("--kv-seq") { Description = "keys; as many as queries by default" };
    private readonly Option<int> _size = new("--head-size") { Description = "size of a query and a key", DefaultValueFactory = _ => 64 };
    private readonly Option<int?> _valueSize = new("--value-size") { Description = "size of a value; that of a key by default" };

    /// <summary>Adds them to a command.</summary>
    public ShapeArguments(Command command)
    {
        foreach (var option in new Option[] { _batch, _heads, _kvHeads, _queries, _keys, _size, _valueSize })
        {
            command.Options.Add(option);
        }
    }

    /// <summary>The problem; the problem file's shape counts where it has one.</summary>
    /// <exception cref="InvalidInputException">An extent or a choice is missing.</exception>
    public AttentionProblem Problem(ParseResult result, AttentionSemantics semantics)
    {
        var heads = result.GetValue(_heads);
        var demand = semantics.Mask?.Demand;
        var queries = result.GetValue(_queries) ?? semantics.Shape?.QueryLength ?? demand?.Queries
            ?? throw new InvalidInputException("--seq", "not given", "a number of queries, or a problem file with a shape");
        var shape = semantics.Shape ?? new AttentionShape(
            result.GetValue(_batch),
            heads,
            result.GetValue(_kvHeads) ?? heads,
            queries,
            result.GetValue(_keys) ?? demand?.Keys ?? queries,
            result.GetValue(_size),
            result.GetValue(_valueSize) ?? result.GetValue(_size));
        return CaseArrays.Problem(
            "problem", semantics with { Shape = shape, Type = semantics.Type ?? DType.F16 }, new Dictionary<string, Tensors.HostTensor>());
    }
}
