using Stof.Reference.Graphs;

namespace Stof.Reference.Models;

/// <summary>Where the normalisation of a sub-layer sits.</summary>
public enum NormPlacement
{
    /// <summary>After the residual addition (the original transformer, BERT).</summary>
    Post,

    /// <summary>Before the sub-layer (GPT-2, LLaMA, T5, ViT); the model then ends with one more normalisation.</summary>
    Pre,
}

/// <summary>What a model's rows are made from.</summary>
public enum ModelInputKind
{
    /// <summary>Token ids [batch, length].</summary>
    Tokens,

    /// <summary>Images [batch, channels, size, size].</summary>
    Pixels,
}

/// <summary>The shape of an encoder-style transformer stack: all that its graph needs, and no weights.</summary>
public sealed record ModelSpec
{
    /// <summary>Family name, such as <c>bert</c>.</summary>
    public required string Family { get; init; }

    /// <summary>Number of layers.</summary>
    public required int Layers { get; init; }

    /// <summary>Width of the residual stream.</summary>
    public required int Hidden { get; init; }

    /// <summary>Query heads.</summary>
    public required int QueryHeads { get; init; }

    /// <summary>Key/value heads.</summary>
    public required int KvHeads { get; init; }

    /// <summary>Size of a head.</summary>
    public required int HeadSize { get; init; }

    /// <summary>Width between the two products of the feed-forward network (one half, where it is gated).</summary>
    public required int FeedForward { get; init; }

    /// <summary>Normalisation.</summary>
    public required NormKind Norm { get; init; }

    /// <summary>Its place.</summary>
    public required NormPlacement Placement { get; init; }

    /// <summary>Its epsilon.</summary>
    public required double Epsilon { get; init; }

    /// <summary>Activation.</summary>
    public required ActivationKind Activation { get; init; }

    /// <summary>True if the products have biases.</summary>
    public required bool HasBiases { get; init; }

    /// <summary>Kind of input.</summary>
    public ModelInputKind Input { get; init; } = ModelInputKind.Tokens;

    /// <summary>Rows of the word table (tokens).</summary>
    public int Vocabulary { get; init; }

    /// <summary>Rows of the position table; 0 if positions are not embedded.</summary>
    public int MaxPositions { get; init; }

    /// <summary>Rows of the token-type table; 0 if there is none.</summary>
    public int TokenTypes { get; init; }

    /// <summary>True if the embedding is normalised (BERT).</summary>
    public bool NormalisesEmbedding { get; init; }

    /// <summary>RoPE base, or null.</summary>
    public double? RopeTheta { get; init; }

    /// <summary>T5's relative-position buckets, or 0.</summary>
    public int RelativeBuckets { get; init; }

    /// <summary>Distance from which T5's buckets coincide.</summary>
    public int RelativeMaxDistance { get; init; } = 128;

    /// <summary>Factor on q·k; null means 1/√D.</summary>
    public double? Scale { get; init; }

    /// <summary>True if the model is causal by itself: the mask a user gives is combined with <c>causal</c>.</summary>
    public bool IsCausal { get; init; }

    /// <summary>Image channels (pixels).</summary>
    public int Channels { get; init; }

    /// <summary>Patch side in pixels (pixels).</summary>
    public int Patch { get; init; }

    /// <summary>Patches along one side (pixels).</summary>
    public int PatchesPerSide { get; init; }

    /// <summary>Length fixed by the model (pixels: patches + class row), or null where it is the workload's.</summary>
    public int? FixedLength => Input == ModelInputKind.Pixels ? (PatchesPerSide * PatchesPerSide) + 1 : null;

    /// <summary>Geometry of its attention.</summary>
    public AttentionGeometry Attention => new(QueryHeads, KvHeads, HeadSize, Scale ?? 1.0 / Math.Sqrt(HeadSize));

    /// <summary>Checks the numbers against each other.</summary>
    /// <returns>This spec.</returns>
    /// <exception cref="InvalidInputException">A number does not fit; the message names it.</exception>
    public ModelSpec Validated()
    {
        foreach (var (name, value) in new[]
        {
            (nameof(Layers), Layers), (nameof(Hidden), Hidden), (nameof(QueryHeads), QueryHeads), (nameof(KvHeads), KvHeads),
            (nameof(HeadSize), HeadSize), (nameof(FeedForward), FeedForward),
        })
        {
            Require(value >= 1, name, value, "1 or more");
        }

        Require(QueryHeads % KvHeads == 0, nameof(QueryHeads), QueryHeads, $"a multiple of the {KvHeads} KV heads");
        Require(HeadSize <= 512, nameof(HeadSize), HeadSize, "1 to 512");
        Require(RopeTheta is null || HeadSize % 2 == 0, nameof(HeadSize), HeadSize, "an even size, since RoPE turns pairs");
        Require(double.IsFinite(Epsilon) && Epsilon >= 0, nameof(Epsilon), Epsilon, "a finite number of 0 or more");
        return this;
    }

    private static void Require(bool condition, string name, object value, string expected)
    {
        if (!condition)
        {
            throw new InvalidInputException(name, FormattableString.Invariant($"{value}"), expected);
        }
    }
}
