using Stof.Reference.Masks;
using Stof.Reference.Numerics;
using Stof.Reference.Operators;
using Stof.Reference.Tensors;

namespace Stof.Reference.Verification.Cases;

/// <summary>The inputs of an attention, checked against each other.</summary>
/// <param name="Problem">The problem that they define.</param>
/// <param name="Q">Queries.</param>
/// <param name="K">Keys.</param>
/// <param name="V">Values.</param>
public sealed record AttentionInputs(AttentionProblem Problem, HostTensor Q, HostTensor K, HostTensor V);

/// <summary>Finds and checks the arrays of a case.</summary>
public static class CaseArrays
{
    private static readonly string[] HeadsFirst = ["batch", "heads", "length", "head size"];
    private static readonly string[] LengthFirst = ["batch", "length", "heads", "head size"];

    /// <summary>The problem that arrays and semantics define, without an output.</summary>
    /// <inheritdoc cref="AttentionCase.Create" path="/exception"/>
    public static AttentionInputs Inputs(string name, AttentionSemantics semantics, IReadOnlyDictionary<string, HostTensor> arrays)
    {
        ArgumentNullException.ThrowIfNull(semantics);
        ArgumentNullException.ThrowIfNull(arrays);
        var (rawQ, rawK, rawV) = (Rows(name, arrays, "q"), Rows(name, arrays, "k"), Rows(name, arrays, "v"));
        var type = semantics.Type ?? rawQ.Type;
        var (q, k, v) = (Typed(name, "q", rawQ, type), Typed(name, "k", rawK, type), Typed(name, "v", rawV, type));
        var layout = semantics.Layout;
        var (heads, length) = layout == AttentionLayout.BatchHeadsLength ? (1, 2) : (2, 1);
        var (kvHeads, kvLength) = (k.Shape[heads], k.Shape[length]);
        RequireAxes(name, "k", k, layout, [q.Shape[0], kvHeads, kvLength, q.Shape[3]], "as q has it");
        RequireAxes(name, "v", v, layout, [q.Shape[0], kvHeads, kvLength, v.Shape[3]], "as k has it");
        var shape = new AttentionShape(q.Shape[0], q.Shape[heads], kvHeads, q.Shape[length], kvLength, q.Shape[3], v.Shape[3]);
        if (semantics.Shape is not null && semantics.Shape != shape)
        {
            throw new InvalidInputException(name, $"arrays of {shape}", $"{semantics.Shape} as the problem says");
        }

        var problem = Problem(name, semantics with { Type = type, Shape = shape }, arrays);
        return new AttentionInputs(problem, q, k, v);
    }

    /// <summary>The problem that semantics with a shape define; arrays hold what the semantics leave to them.</summary>
    /// <exception cref="InvalidInputException">Shape or dtype are unknown, or a choice that the problem depends on was never made.</exception>
    public static AttentionProblem Problem(string name, AttentionSemantics semantics, IReadOnlyDictionary<string, HostTensor> arrays)
    {
        ArgumentNullException.ThrowIfNull(semantics);
        ArgumentNullException.ThrowIfNull(arrays);
        var shape = semantics.Shape ?? throw new InvalidInputException(name, "no shape", "batch, heads, lengths and head size");
        var problem = new AttentionProblem
        {
            Batch = shape.Batch,
            QueryHeads = shape.QueryHeads,
            KvHeads = shape.KvHeads,
            QueryLength = shape.QueryLength,
            KvLength = shape.KvLength,
            HeadSize = shape.HeadSize,
            ValueHeadSize = shape.ValueSize,
            Type = semantics.Type ?? throw new InvalidInputException(name, "no dtype", "f32, f16, bf16 or f64"),
            Layout = semantics.Layout,
            Mask = Mask(name, semantics, arrays),
            Scale = semantics.Scale,
            Softcap = semantics.Softcap,
            Bias = Bias(name, semantics, arrays, shape.QueryHeads),
            Sinks = semantics.Sinks ?? (arrays.TryGetValue("sinks", out var sinks) ? sinks.ToDoubles() : null),
            Lengths = semantics.Lengths ?? Lengths(name, arrays),
            LogSumExp = LogSumExpOutput.Natural,
        };
        problem = (problem with { Alignment = Alignment(name, semantics, problem) }).Validated();
        problem.BindMask();
        return problem;
    }

    /// <summary>An array, or a message that lists those that are there.</summary>
    internal static HostTensor Find(string name, IReadOnlyDictionary<string, HostTensor> arrays, string key) =>
        arrays.TryGetValue(key, out var tensor) ? tensor : throw new InvalidInputException(
            name, $"no array '{key}'; there are {(arrays.Count == 0 ? "none" : string.Join(", ", arrays.Keys.Take(20)))}", "arrays q, k, v and out");

    /// <summary>The tensor in a dtype whose numbers it must hold already: nothing is rounded.</summary>
    internal static HostTensor Typed(string name, string key, HostTensor tensor, DType type)
    {
        if (tensor.Type == type)
        {
            return tensor;
        }

        if (!tensor.Type.IsFloat() || !type.IsFloat())
        {
            throw new InvalidInputException($"{name}, {key}", tensor.ToString(), $"dtype {type}");
        }

        var result = tensor.To(type);
        var (wide, narrow) = (tensor.ToDoubles(), result.ToDoubles());
        for (var i = 0; i < wide.Length; i++)
        {
            if (!wide[i].Equals(narrow[i]))
            {
                throw new InvalidInputException(
                    $"{name}, {key}",
                    FormattableString.Invariant($"{tensor.Type} with {wide[i]:g9} at element {i}, which is no {type} number"),
                    $"dtype {type} as q (or the dtype option); wider storage only of {type} numbers");
            }
        }

        return result;
    }

    /// <summary>Requires extents, naming the first axis that differs.</summary>
    /// <param name="name">The case.</param>
    /// <param name="key">The array.</param>
    /// <param name="tensor">Its tensor.</param>
    /// <param name="layout">Axis order.</param>
    /// <param name="extents">[batch, heads, length, size] in this order, whatever the layout.</param>
    /// <param name="reason">Where the expectation comes from.</param>
    internal static void RequireAxes(
        string name, string key, HostTensor tensor, AttentionLayout layout, ReadOnlySpan<int> extents, string reason)
    {
        var expected = layout.Shape(extents[0], extents[1], extents[2], extents[3]);
        var axes = layout == AttentionLayout.BatchHeadsLength ? HeadsFirst : LengthFirst;
        if (tensor.Rank != expected.Length)
        {
            throw new InvalidInputException($"{name}, {key}", tensor.ToString(), $"four axes: {string.Join(", ", axes)}");
        }

        for (var axis = 0; axis < expected.Length; axis++)
        {
            if (tensor.Shape[axis] != expected[axis])
            {
                throw new InvalidInputException(
                    $"{name}, {key}", $"{tensor} with {tensor.Shape[axis]} on axis {axis} ({axes[axis]})", $"{expected[axis]} {reason}");
            }
        }
    }

    private static HostTensor Rows(string name, IReadOnlyDictionary<string, HostTensor> arrays, string key)
    {
        var tensor = Find(name, arrays, key);
        return tensor.Rank == 4 && tensor.Type.IsFloat()
            ? tensor
            : throw new InvalidInputException($"{name}, {key}", tensor.ToString(), "four axes of a floating-point dtype");
    }

    private static MaskPattern Mask(string name, AttentionSemantics semantics, IReadOnlyDictionary<string, HostTensor> arrays)
    {
        var stored = arrays.GetValueOrDefault("mask");
        return semantics.Mask
            ?? (stored is not null ? DenseMask.From(stored) : throw new InvalidInputException(
                name, "no mask: neither an array 'mask' nor a mask option or field", "a mask; \"full\" says that there is none"));
    }

    private static PositionAlignment Alignment(string name, AttentionSemantics semantics, AttentionProblem problem)
    {
        var isSquare = problem.QueryLength == problem.KvLength && (problem.Lengths?.All(pair => pair.Queries == pair.Keys) ?? true);
        return semantics.Alignment
            ?? (isSquare || problem is { Mask: FullMask or DenseMask, Bias: null or DenseBias }
                ? PositionAlignment.BottomRight
                : throw new InvalidInputException(
                    name,
                    $"no alignment for {problem.QueryLength} queries and {problem.KvLength} keys",
                    "bottom-right (the last query sees the last key) or top-left: kernels disagree"));
    }

    private static ScoreBias? Bias(string name, AttentionSemantics semantics, IReadOnlyDictionary<string, HostTensor> arrays, int heads) =>
        semantics.Bias switch
        {
            BiasSource.Array => new DenseBias(Find(name, arrays, "bias")),
            BiasSource.Alibi => arrays.TryGetValue("slopes", out var slopes) ? new AlibiBias(slopes.ToDoubles()) : AlibiBias.Standard(heads),
            BiasSource.Relative => new RelativeBias(Find(name, arrays, "bias_table"), semantics.MaxDistance),
            _ => arrays.TryGetValue("bias", out var bias) ? new DenseBias(bias) : null,
        };

    private static SequenceLengths[]? Lengths(string name, IReadOnlyDictionary<string, HostTensor> arrays)
    {
        if (!arrays.TryGetValue("lengths", out var tensor))
        {
            return null;
        }

        if (tensor.Rank != 2 || tensor.Shape[1] != 2 || tensor.Type is not (DType.I32 or DType.I64))
        {
            throw new InvalidInputException($"{name}, lengths", tensor.ToString(), "I32 or I64 [B, 2]: queries and keys");
        }

        int At(int i) => tensor.Type == DType.I32 ? tensor.Span<int>()[i] : checked((int)tensor.Span<long>()[i]);
        return [.. Enumerable.Range(0, tensor.Shape[0]).Select(b => new SequenceLengths(At(2 * b), At((2 * b) + 1)))];
    }
}
