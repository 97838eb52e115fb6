using System.Collections.Immutable;

namespace Stof.Reference.Graphs;

/// <summary>
/// One operator of a graph: what it computes from which values. Rows are tokens (batch·length); a value is [rows, width].
/// </summary>
public abstract record GraphOperator
{
    /// <summary>Name inside its graph, such as <c>qkv gemm</c>.</summary>
    public required string Name { get; init; }

    /// <summary>Indices of the values it reads.</summary>
    public required ImmutableArray<int> Inputs { get; init; }

    /// <summary>Index of the value it writes.</summary>
    public required int Output { get; init; }

    /// <summary>True for matrix products (CI, compute-intensive), false for the rest (MI, memory-intensive).</summary>
    public virtual bool IsComputeIntensive => false;

    /// <summary>
    /// True if an output element needs the whole row of its input: a reduction over the width. Fusing it behind an operator
    /// that produces the row in pieces needs the row to stay live (FuseMax's passes).
    /// </summary>
    public virtual bool ReducesRow => false;

    /// <summary>Names of the weights it reads.</summary>
    public virtual ImmutableArray<string> Weights => [];

    /// <summary>Everything that changes the computation, for hashing equal sub-graphs.</summary>
    public abstract string Signature { get; }
}

/// <summary>Y = X·Wᵀ with W [<paramref name="Width"/>, <paramref name="Depth"/>].</summary>
/// <param name="Weight">Name of W.</param>
/// <param name="Width">Columns of Y.</param>
/// <param name="Depth">Columns of X.</param>
public sealed record GemmOperator(string Weight, int Width, int Depth) : GraphOperator
{
    /// <inheritdoc/>
    public override bool IsComputeIntensive => true;

    /// <inheritdoc/>
    public override ImmutableArray<string> Weights => [Weight];

    /// <inheritdoc/>
    public override string Signature => $"gemm({Width},{Depth})";
}

/// <summary>Y = X + b; splits the fused QKV product, which is a view and moves nothing.</summary>
/// <param name="Bias">Name of b [width].</param>
public sealed record BiasOperator(string Bias) : GraphOperator
{
    /// <inheritdoc/>
    public override ImmutableArray<string> Weights => [Bias];

    /// <inheritdoc/>
    public override string Signature => "bias";
}

/// <summary>Rotates queries and keys by their position (RoPE) and splits the fused QKV product.</summary>
/// <param name="Theta">Base of the angles, 10000 by default in models.</param>
public sealed record RotaryOperator(double Theta) : GraphOperator
{
    /// <inheritdoc/>
    public override string Signature => FormattableString.Invariant($"rotary({Theta})");
}

/// <summary>The five steps of attention, in order; operators 2–6 of the paper's numbering.</summary>
public enum AttentionStep
{
    /// <summary>Q·Kᵀ.</summary>
    Scores,

    /// <summary>Scale, bias, cap, mask.</summary>
    ScaleMask,

    /// <summary>Row-wise softmax.</summary>
    Softmax,

    /// <summary>P·V.</summary>
    WeightedSum,

    /// <summary>[batch, heads, length, size] to rows.</summary>
    MergeHeads,
}

/// <summary>One step of attention. The geometry is the graph's; the mask, the workload's.</summary>
/// <param name="Step">Which step.</param>
/// <param name="Bias">Name of a relative-position table [buckets, heads] added to the scores, or null.</param>
public sealed record AttentionOperator(AttentionStep Step, string? Bias = null) : GraphOperator
{
    /// <inheritdoc/>
    public override bool IsComputeIntensive => Step is AttentionStep.Scores or AttentionStep.WeightedSum;

    /// <inheritdoc/>
    public override bool ReducesRow => Step == AttentionStep.Softmax;

    /// <inheritdoc/>
    public override ImmutableArray<string> Weights => Bias is null ? [] : [Bias];

    /// <inheritdoc/>
    public override string Signature => $"attention({Step}{(Bias is null ? "" : ",relative")})";
}

/// <summary>Y = X + b + R: bias and residual connection; inputs are X and R.</summary>
/// <param name="Bias">Name of b [width], or null.</param>
public sealed record ResidualOperator(string? Bias) : GraphOperator
{
    /// <inheritdoc/>
    public override ImmutableArray<string> Weights => Bias is null ? [] : [Bias];

    /// <inheritdoc/>
    public override string Signature => Bias is null ? "residual" : "bias+residual";
}

/// <summary>Normalisations of a row.</summary>
public enum NormKind
{
    /// <summary>(x − mean)/√(biased variance + eps)·gamma + beta.</summary>
    Layer,

    /// <summary>x/√(mean square + eps)·gamma.</summary>
    RootMeanSquare,
}

/// <summary>Normalises each row.</summary>
/// <param name="Kind">LayerNorm or RMSNorm.</param>
/// <param name="Gamma">Name of the factor [width].</param>
/// <param name="Beta">Name of the shift [width]; null for RMSNorm.</param>
/// <param name="Epsilon">Added inside the root.</param>
public sealed record NormOperator(NormKind Kind, string Gamma, string? Beta, double Epsilon) : GraphOperator
{
    /// <inheritdoc/>
    public override bool ReducesRow => true;

    /// <inheritdoc/>
    public override ImmutableArray<string> Weights => Beta is null ? [Gamma] : [Gamma, Beta];

    /// <inheritdoc/>
    public override string Signature => FormattableString.Invariant($"norm({Kind},{Epsilon})");
}

/// <summary>Functions between the two products of a feed-forward network.</summary>
public enum ActivationKind
{
    /// <summary>x·Φ(x) by the error function.</summary>
    GeluErf,

    /// <summary>GELU's tanh approximation.</summary>
    GeluTanh,

    /// <summary>max(x, 0).</summary>
    Relu,

    /// <summary>silu(first half)·second half: halves the width.</summary>
    SwiGlu,
}

/// <summary>Y = activation(X + b).</summary>
/// <param name="Bias">Name of b [input width], or null.</param>
/// <param name="Kind">The function.</param>
public sealed record ActivationOperator(string? Bias, ActivationKind Kind) : GraphOperator
{
    /// <inheritdoc/>
    public override ImmutableArray<string> Weights => Bias is null ? [] : [Bias];

    /// <inheritdoc/>
    public override string Signature => $"{(Bias is null ? "" : "bias+")}{Kind}";
}

/// <summary>Sum of a word's, a position's and (token type 0) a segment's table row; positions and types may be absent.</summary>
/// <param name="Words">Name of the table [vocabulary, width].</param>
/// <param name="Positions">Name of the table [positions, width], or null.</param>
/// <param name="Types">Name of the table [types, width], or null.</param>
public sealed record TokenEmbeddingOperator(string Words, string? Positions, string? Types) : GraphOperator
{
    /// <inheritdoc/>
    public override ImmutableArray<string> Weights => [.. new[] { Words, Positions, Types }.OfType<string>()];

    /// <inheritdoc/>
    public override string Signature => $"token embedding({Positions is not null},{Types is not null})";
}

/// <summary>
/// Cuts images into patches, multiplies each by the patch weight, puts a class row first and adds position rows.
/// Weights: <c>patch.weight</c> [width, channels·patch²], <c>patch.bias</c> [width], <c>class</c> [width], <c>positions</c> [1 + side², width].
/// </summary>
/// <param name="Width">Columns of a row.</param>
/// <param name="Channels">Image channels.</param>
/// <param name="Patch">Side of a patch in pixels.</param>
/// <param name="Side">Patches along a side of the image.</param>
public sealed record PatchEmbeddingOperator(int Width, int Channels, int Patch, int Side) : GraphOperator
{
    /// <inheritdoc/>
    public override ImmutableArray<string> Weights => ["patch.weight", "patch.bias", "class", "positions"];

    /// <inheritdoc/>
    public override string Signature => $"patch embedding({Width},{Channels},{Patch},{Side})";
}
