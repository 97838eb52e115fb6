using Stof.Reference.Graphs;
using Stof.Reference.Tensors;

namespace Stof.Reference.Models;

/// <summary>The models of the paper's evaluation with their true shapes; weights are drawn from a seed.</summary>
public static class ModelPresets
{
    private static readonly Dictionary<string, ModelSpec> Specs = new(StringComparer.OrdinalIgnoreCase)
    {
        ["bert-base"] = Bert(12, 768, 12),
        ["bert-large"] = Bert(24, 1024, 16),
        ["gpt2"] = new ModelSpec
        {
            Family = "gpt2",
            Layers = 12,
            Hidden = 768,
            QueryHeads = 12,
            KvHeads = 12,
            HeadSize = 64,
            FeedForward = 3072,
            Norm = NormKind.Layer,
            Placement = NormPlacement.Pre,
            Epsilon = 1e-5,
            Activation = ActivationKind.GeluTanh,
            HasBiases = true,
            Vocabulary = 50257,
            MaxPositions = 4096,
            IsCausal = true,
        },
        ["llama"] = new ModelSpec
        {
            Family = "llama",
            Layers = 24,
            Hidden = 1024,
            QueryHeads = 16,
            KvHeads = 16,
            HeadSize = 64,
            FeedForward = 2816,
            Norm = NormKind.RootMeanSquare,
            Placement = NormPlacement.Pre,
            Epsilon = 1e-6,
            Activation = ActivationKind.SwiGlu,
            HasBiases = false,
            Vocabulary = 32000,
            RopeTheta = 10000,
            IsCausal = true,
        },
        ["t5-encoder"] = new ModelSpec
        {
            Family = "t5",
            Layers = 12,
            Hidden = 768,
            QueryHeads = 12,
            KvHeads = 12,
            HeadSize = 64,
            FeedForward = 3072,
            Norm = NormKind.RootMeanSquare,
            Placement = NormPlacement.Pre,
            Epsilon = 1e-6,
            Activation = ActivationKind.Relu,
            HasBiases = false,
            Vocabulary = 32128,
            RelativeBuckets = 32,
            Scale = 1.0,
        },
        ["vit-base"] = new ModelSpec
        {
            Family = "vit",
            Layers = 12,
            Hidden = 768,
            QueryHeads = 12,
            KvHeads = 12,
            HeadSize = 64,
            FeedForward = 3072,
            Norm = NormKind.Layer,
            Placement = NormPlacement.Pre,
            Epsilon = 1e-12,
            Activation = ActivationKind.GeluErf,
            HasBiases = true,
            Input = ModelInputKind.Pixels,
            Channels = 3,
            Patch = 16,
            PatchesPerSide = 14,
        },
    };

    /// <summary>The names of all presets.</summary>
    public static IReadOnlyCollection<string> Names => Specs.Keys;

    /// <summary>True if <paramref name="name"/> is a preset.</summary>
    public static bool Contains(string name) => Specs.ContainsKey(name);

    /// <summary>The shape of a preset.</summary>
    /// <exception cref="InvalidInputException">No preset has this name.</exception>
    public static ModelSpec Spec(string name) => Specs.TryGetValue(name, out var spec)
        ? spec
        : throw new InvalidInputException("model", $"'{name}'", $"a folder with config.json, or one of {string.Join(", ", Names)}");

    /// <summary>A preset with weights of N(0, 0.02²), norms at 1 and 0, as such models are initialised.</summary>
    public static TransformerModel Create(string name, int seed = 0) => Create(Spec(name), seed);

    /// <summary>A model of any spec with random weights; the same seed gives the same weights everywhere.</summary>
    public static TransformerModel Create(ModelSpec spec, int seed)
    {
        var graph = ModelGraph.Build(spec.Validated());
        var shapes = new WeightShapes(spec);
        var random = new Random(seed);
        return new TransformerModel(
            spec,
            Draw(graph.Prologue, shapes, random),
            [.. Enumerable.Range(0, spec.Layers).Select(_ => Draw(graph.Layer, shapes, random))],
            Draw(graph.Epilogue, shapes, random));
    }

    private static ModelSpec Bert(int layers, int hidden, int heads) => new()
    {
        Family = "bert",
        Layers = layers,
        Hidden = hidden,
        QueryHeads = heads,
        KvHeads = heads,
        HeadSize = hidden / heads,
        FeedForward = 4 * hidden,
        Norm = NormKind.Layer,
        Placement = NormPlacement.Post,
        Epsilon = 1e-12,
        Activation = ActivationKind.GeluErf,
        HasBiases = true,
        Vocabulary = 30522,
        MaxPositions = 4096,
        TokenTypes = 2,
        NormalisesEmbedding = true,
    };

    private static Dictionary<string, HostTensor> Draw(OperatorGraph graph, WeightShapes shapes, Random random)
    {
        var weights = new Dictionary<string, HostTensor>();
        foreach (var name in graph.Operators.SelectMany(op => op.Weights))
        {
            var tensor = HostTensor.Zeros(Numerics.DType.F32, shapes.ShapeOf(name));
            var values = tensor.Span<float>();
            if (name.EndsWith(".gamma", StringComparison.Ordinal))
            {
                values.Fill(1f);
            }
            else if (!name.EndsWith(".beta", StringComparison.Ordinal))
            {
                FillNormal(values, random, 0.02);
            }

            weights[name] = tensor;
        }

        return weights;
    }

    /// <summary>Box–Muller, two at a time.</summary>
    private static void FillNormal(Span<float> values, Random random, double deviation)
    {
        for (var i = 0; i < values.Length; i += 2)
        {
            var radius = deviation * Math.Sqrt(-2.0 * Math.Log(1.0 - random.NextDouble()));
            var (sin, cos) = Math.SinCos(2.0 * Math.PI * random.NextDouble());
            values[i] = (float)(radius * cos);
            if (i + 1 < values.Length)
            {
                values[i + 1] = (float)(radius * sin);
            }
        }
    }
}
