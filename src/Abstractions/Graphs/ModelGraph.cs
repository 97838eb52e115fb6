using System.Collections.Immutable;
using Stof.Reference.Models;

namespace Stof.Reference.Graphs;

/// <summary>
/// A whole model: a prologue that makes rows from ids or pixels, one layer graph that is repeated with other weights, and an
/// epilogue. Fusion and search look at the layer: what pays in one pays in all.
/// </summary>
/// <param name="Prologue">Embedding.</param>
/// <param name="Layer">The repeated layer; input and output are the residual stream.</param>
/// <param name="Layers">Number of repetitions.</param>
/// <param name="Epilogue">Final normalisation, or no operator.</param>
public sealed record ModelGraph(OperatorGraph Prologue, OperatorGraph Layer, int Layers, OperatorGraph Epilogue)
{
    /// <summary>Builds the graphs of a spec.</summary>
    public static ModelGraph Build(ModelSpec spec)
    {
        ArgumentNullException.ThrowIfNull(spec);
        return new ModelGraph(BuildPrologue(spec), BuildLayer(spec), spec.Layers, BuildEpilogue(spec));
    }

    private static OperatorGraph BuildPrologue(ModelSpec spec)
    {
        var builder = new Builder("input", 0);
        var rows = spec.Input == ModelInputKind.Pixels
            ? builder.Add("patch embedding", spec.Hidden, [0], (n, i, o) =>
                new PatchEmbeddingOperator(spec.Hidden, spec.Channels, spec.Patch, spec.PatchesPerSide) { Name = n, Inputs = i, Output = o })
            : builder.Add("token embedding", spec.Hidden, [0], (n, i, o) =>
                new TokenEmbeddingOperator("words", spec.MaxPositions > 0 ? "positions" : null, spec.TokenTypes > 0 ? "types" : null)
                {
                    Name = n,
                    Inputs = i,
                    Output = o,
                });
        if (spec.NormalisesEmbedding)
        {
            builder.Norm(spec, "norm", rows);
        }

        return builder.Build(null);
    }

    private static OperatorGraph BuildEpilogue(ModelSpec spec)
    {
        var builder = new Builder("rows", spec.Hidden);
        if (spec.Placement == NormPlacement.Pre)
        {
            builder.Norm(spec, "norm", 0);
        }

        return builder.Build(null);
    }

    private static OperatorGraph BuildLayer(ModelSpec spec)
    {
        var builder = new Builder("x", spec.Hidden);
        var pre = spec.Placement == NormPlacement.Pre;
        var x = 0;
        var attended = Attention(builder, spec, pre ? builder.Norm(spec, "norm1", x) : x);
        x = builder.Residual(spec, "out", attended, x);
        if (!pre)
        {
            x = builder.Norm(spec, "norm1", x);
        }

        var fed = FeedForward(builder, spec, pre ? builder.Norm(spec, "norm2", x) : x);
        x = builder.Residual(spec, "down", fed, x);
        if (!pre)
        {
            builder.Norm(spec, "norm2", x);
        }

        return builder.Build(spec.Attention);
    }

    private static int Attention(Builder builder, ModelSpec spec, int input)
    {
        var geometry = spec.Attention;
        var qkv = builder.Gemm("qkv", geometry.QkvWidth, spec.Hidden, input);
        if (spec.HasBiases)
        {
            qkv = builder.Add("qkv bias + split", geometry.QkvWidth, [qkv], (n, i, o) =>
                new BiasOperator("qkv.bias") { Name = n, Inputs = i, Output = o });
        }

        if (spec.RopeTheta is double theta)
        {
            qkv = builder.Add("rotary + split", geometry.QkvWidth, [qkv], (n, i, o) =>
                new RotaryOperator(theta) { Name = n, Inputs = i, Output = o });
        }

        var bias = spec.RelativeBuckets > 0 ? "relative.table" : null;
        var scores = builder.Attend(AttentionStep.Scores, 0, [qkv]);
        var masked = builder.Attend(AttentionStep.ScaleMask, 0, [scores], bias);
        var weights = builder.Attend(AttentionStep.Softmax, 0, [masked]);
        var summed = builder.Attend(AttentionStep.WeightedSum, geometry.OutputWidth, [weights, qkv]);
        var merged = builder.Attend(AttentionStep.MergeHeads, geometry.OutputWidth, [summed]);
        return builder.Gemm("out", spec.Hidden, geometry.OutputWidth, merged);
    }

    private static int FeedForward(Builder builder, ModelSpec spec, int input)
    {
        var halves = spec.Activation == ActivationKind.SwiGlu ? 2 : 1;
        var up = builder.Gemm("up", halves * spec.FeedForward, spec.Hidden, input);
        var activated = builder.Add(spec.HasBiases ? "bias + activation" : "activation", spec.FeedForward, [up], (n, i, o) =>
            new ActivationOperator(spec.HasBiases ? "up.bias" : null, spec.Activation) { Name = n, Inputs = i, Output = o });
        return builder.Gemm("down", spec.Hidden, spec.FeedForward, activated);
    }

    private sealed class Builder
    {
        private readonly List<GraphValue> _values;
        private readonly List<GraphOperator> _operators = [];

        public Builder(string input, int width) => _values = [new GraphValue(input, width)];

        public int Add(string name, int width, ImmutableArray<int> inputs, Func<string, ImmutableArray<int>, int, GraphOperator> create)
        {
            var output = _values.Count;
            _values.Add(new GraphValue(name, width));
            _operators.Add(create(name, inputs, output));
            return output;
        }

        public int Gemm(string weight, int width, int depth, int input) =>
            Add($"{weight} gemm", width, [input], (n, i, o) =>
                new GemmOperator($"{weight}.weight", width, depth) { Name = n, Inputs = i, Output = o });

        public int Norm(ModelSpec spec, string weight, int input)
        {
            var beta = spec.Norm == NormKind.Layer ? $"{weight}.beta" : null;
            return Add(weight, spec.Hidden, [input], (n, i, o) =>
                new NormOperator(spec.Norm, $"{weight}.gamma", beta, spec.Epsilon) { Name = n, Inputs = i, Output = o });
        }

        public int Residual(ModelSpec spec, string weight, int input, int residual) =>
            Add(spec.HasBiases ? "bias + residual" : "residual", spec.Hidden, [input, residual], (n, i, o) =>
                new ResidualOperator(spec.HasBiases ? $"{weight}.bias" : null) { Name = n, Inputs = i, Output = o });

        public int Attend(AttentionStep step, int width, ImmutableArray<int> inputs, string? bias = null)
        {
            var name = step switch
            {
                AttentionStep.Scores => "q·k",
                AttentionStep.ScaleMask => "scale + mask",
                AttentionStep.Softmax => "softmax",
                AttentionStep.WeightedSum => "p·v",
                _ => "merge heads",
            };
            return Add(name, width, inputs, (n, i, o) => new AttentionOperator(step, bias) { Name = n, Inputs = i, Output = o });
        }

        public OperatorGraph Build(AttentionGeometry? attention) => new([.. _values], [.. _operators], attention);
    }
}
