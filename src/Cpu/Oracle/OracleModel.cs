using Stof.Reference.Graphs;
using Stof.Reference.Masks;
using Stof.Reference.Models;
using Stof.Reference.Operators;
using Stof.Reference.Tensors;

namespace Stof.Reference.Cpu.Oracle;

/// <summary>
/// Runs a whole model in double precision, operator by operator with <see cref="NaiveOperators"/> and
/// <see cref="NaiveAttention"/>, from the same (rounded) weights that a backend gets. Slow and plain.
/// </summary>
public sealed class OracleModel
{
    private readonly TransformerModel _model;
    private readonly MaskPattern _mask;
    private readonly Dictionary<HostTensor, double[]> _wide = [];

    /// <summary>Prepares a run.</summary>
    /// <param name="model">Spec and weights.</param>
    /// <param name="mask">The mask of every layer, a causal model's own mask included.</param>
    public OracleModel(TransformerModel model, MaskPattern mask)
    {
        _model = model;
        _mask = mask;
    }

    /// <summary>
    /// The residual stream [batch·length, hidden] after the embedding (index 0) and after each layer; the last one after the
    /// final normalisation where the model has one.
    /// </summary>
    /// <param name="input">Ids or pixels.</param>
    /// <param name="onLayer">Called with the number of layers done; may be null.</param>
    public IReadOnlyList<double[]> Run(ModelInput input, Action<int>? onLayer = null)
    {
        ArgumentNullException.ThrowIfNull(input);
        var states = new List<double[]> { Embed(input) };
        for (var layer = 0; layer < _model.Spec.Layers; layer++)
        {
            states.Add(RunLayer(layer, states[layer], input.Batch, input.Length));
            onLayer?.Invoke(layer + 1);
        }

        states[^1] = Interpret(_model.Graph.Epilogue, _model.Final, states[^1], input, input.Batch, input.Length);
        return states;
    }

    /// <summary>The embedding alone: [batch·length, hidden].</summary>
    public double[] Embed(ModelInput input)
    {
        ArgumentNullException.ThrowIfNull(input);
        return Interpret(_model.Graph.Prologue, _model.Embedding, [], input, input.Batch, input.Length);
    }

    /// <summary>
    /// One layer on a given input: what a backend's layer should have made of what it was given. The last layer includes the
    /// final normalisation, as in <see cref="Run"/>.
    /// </summary>
    public double[] RunLayerFrom(int layer, double[] x, int batch, int length)
    {
        var y = RunLayer(layer, x, batch, length);
        return layer == _model.Spec.Layers - 1 ? Interpret(_model.Graph.Epilogue, _model.Final, y, null, batch, length) : y;
    }

    private double[] RunLayer(int layer, double[] x, int batch, int length) =>
        Interpret(_model.Graph.Layer, _model.Layers[layer], x, null, batch, length);

    private double[] Interpret(
        OperatorGraph graph, IReadOnlyDictionary<string, HostTensor> weights, double[] first, ModelInput? input, int batch, int length)
    {
        var values = new double[graph.Values.Length][];
        values[0] = first;
        for (var i = 0; i < graph.Operators.Length; i++)
        {
            var op = graph.Operators[i];
            if (op is AttentionOperator { Step: AttentionStep.Scores })
            {
                // The five steps of attention are one definition; the intermediate scores are nobody else's business.
                var bias = ((AttentionOperator)graph.Operators[i + 1]).Bias;
                var table = bias is null ? null : weights[bias];
                i += (int)AttentionStep.MergeHeads;
                values[graph.Operators[i].Output] = Attend(graph.Attention!, values[op.Inputs[0]], table, batch, length);
                continue;
            }

            values[op.Output] = Apply(graph, op, weights, values, input, length);
        }

        return values[graph.OutputValue];
    }

    private double[] Apply(
        OperatorGraph graph, GraphOperator op, IReadOnlyDictionary<string, HostTensor> weights, double[][] values, ModelInput? input, int length)
    {
        double[] Weight(string name) => Wide(weights[name]);
        double[] Biased(double[] value, string? bias) => bias is null ? value : NaiveOperators.Bias(value, Weight(bias));
        var x = op.Inputs.IsEmpty ? [] : values[op.Inputs[0]];
        return op switch
        {
            GemmOperator gemm => NaiveOperators.Gemm(x, Weight(gemm.Weight), x.Length / gemm.Depth, gemm.Width, gemm.Depth),
            BiasOperator bias => NaiveOperators.Bias(x, Weight(bias.Bias)),
            RotaryOperator rotary => NaiveOperators.Rope(
                x,
                graph.Attention!.QkvWidth,
                graph.Attention.QueryHeads + graph.Attention.KvHeads, // queries and keys lie side by side; values are not turned
                graph.Attention.HeadSize,
                length,
                rotary.Theta),
            ResidualOperator residual => NaiveOperators.Residual(Biased(x, residual.Bias), values[op.Inputs[1]]),
            NormOperator { Kind: NormKind.Layer } norm =>
                NaiveOperators.LayerNorm(x, Weight(norm.Gamma), Weight(norm.Beta!), norm.Epsilon),
            NormOperator norm => NaiveOperators.RmsNorm(x, Weight(norm.Gamma), norm.Epsilon),
            ActivationOperator { Kind: ActivationKind.SwiGlu } gate =>
                NaiveOperators.SwiGlu(Biased(x, gate.Bias), graph.Values[op.Output].Width),
            ActivationOperator activation => NaiveOperators.Map(Biased(x, activation.Bias), activation.Kind switch
            {
                ActivationKind.GeluErf => NaiveOperators.GeluErf,
                ActivationKind.GeluTanh => NaiveOperators.GeluTanh,
                _ => NaiveOperators.Relu,
            }),
            TokenEmbeddingOperator embedding => EmbedTokens(embedding, graph.Values[op.Output].Width, Weight, input!),
            PatchEmbeddingOperator patches => EmbedPatches(patches, Weight, input!),
            _ => throw new ArgumentException($"no definition for {op.Signature}", nameof(op)),
        };
    }

    private double[] Attend(AttentionGeometry geometry, double[] qkv, HostTensor? relativeTable, int batch, int length)
    {
        var problem = new AttentionProblem
        {
            Batch = batch,
            QueryHeads = geometry.QueryHeads,
            KvHeads = geometry.KvHeads,
            QueryLength = length,
            KvLength = length,
            HeadSize = geometry.HeadSize,
            Layout = AttentionLayout.BatchLengthHeads,
            Scale = geometry.Scale,
            Mask = _mask,
            Bias = relativeTable is null ? null : new RelativeBias(relativeTable, _model.Spec.RelativeMaxDistance),
        };
        var queryWidth = geometry.QueryHeads * geometry.HeadSize;
        var kvWidth = geometry.KvHeads * geometry.HeadSize;
        var attended = NaiveAttention.Run(
            problem.Validated(),
            Columns(qkv, geometry.QkvWidth, 0, queryWidth),
            Columns(qkv, geometry.QkvWidth, queryWidth, kvWidth),
            Columns(qkv, geometry.QkvWidth, queryWidth + kvWidth, kvWidth)).Output;

        // Merge heads: [batch, heads, length, size] to rows [batch·length, heads·size].
        var rows = new double[attended.Length];
        for (var source = 0; source < attended.Length; source += geometry.HeadSize)
        {
            var (item, s) = (source / geometry.HeadSize / length, source / geometry.HeadSize % length);
            var (b, h) = (item / geometry.QueryHeads, item % geometry.QueryHeads);
            Array.Copy(attended, source, rows, ((((b * length) + s) * geometry.QueryHeads) + h) * geometry.HeadSize, geometry.HeadSize);
        }

        return rows;
    }

    private static double[] EmbedTokens(TokenEmbeddingOperator op, int width, Func<string, double[]> weight, ModelInput input)
    {
        var rows = NaiveOperators.Embedding(weight(op.Words), input.Tokens!, width);
        if (op.Positions is not null)
        {
            int[] positions = [.. Enumerable.Range(0, input.Tokens!.Count).Select(i => i % input.Length)];
            rows = NaiveOperators.Residual(rows, NaiveOperators.Embedding(weight(op.Positions), positions, width));
        }

        return op.Types is null ? rows : NaiveOperators.Bias(rows, weight(op.Types)[..width]);
    }

    private static double[] EmbedPatches(PatchEmbeddingOperator op, Func<string, double[]> weight, ModelInput input)
    {
        var patches = NaiveOperators.Patches(input.Pixels!.ToDoubles(), input.Batch, op.Channels, op.Side, op.Patch);
        var depth = op.Channels * op.Patch * op.Patch;
        var rows = NaiveOperators.Bias(
            NaiveOperators.Gemm(patches, weight("patch.weight"), patches.Length / depth, op.Width, depth), weight("patch.bias"));
        var result = new double[input.Batch * input.Length * op.Width];
        var patchCount = op.Side * op.Side;
        for (var b = 0; b < input.Batch; b++)
        {
            var start = b * input.Length * op.Width;
            weight("class").CopyTo(result, start);
            Array.Copy(rows, b * patchCount * op.Width, result, start + op.Width, patchCount * op.Width);
        }

        var positions = weight("positions");
        return [.. result.Select((value, i) => value + positions[i % positions.Length])];
    }

    private static double[] Columns(double[] rows, int width, int start, int count)
    {
        var result = new double[rows.Length / width * count];
        for (var row = 0; row < rows.Length / width; row++)
        {
            Array.Copy(rows, (row * width) + start, result, row * count, count);
        }

        return result;
    }

    private double[] Wide(HostTensor tensor)
    {
        if (!_wide.TryGetValue(tensor, out var wide))
        {
            _wide[tensor] = wide = tensor.ToDoubles();
        }

        return wide;
    }
}
