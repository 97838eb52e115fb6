using System.Runtime.CompilerServices;
using Stof.Reference.Operators;

namespace Stof.Reference.Cpu.Simd.Attention;

/// <summary>What turns a raw q·k into a score: scale, bias, cap, in this order.</summary>
internal sealed unsafe class ScoreRule(AttentionProblem problem)
{
    private readonly BiasRows? _bias = BiasRows.Of(problem);
    private readonly float _cap = (float)(problem.Softcap ?? 0);
    private readonly float _inverseCap = (float)(1 / (problem.Softcap ?? 1));

    /// <summary>True if scores are capped.</summary>
    public bool HasCap { get; } = problem.Softcap is not null;

    /// <summary>Factor on q·k.</summary>
    public float Scale { get; } = (float)problem.EffectiveScale;

    /// <summary>Bias of query (b, h, q), indexed by key; null without a bias.</summary>
    public float* Bias(int batch, int head, int query) => _bias is null ? null : _bias.Row(batch, head, query);

    /// <summary>Applies the rule to one register of raw scores.</summary>
    /// <param name="raw">Products q·k.</param>
    /// <param name="bias">Biases of the same keys, or null.</param>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public TVector Apply<TLanes, TVector>(TVector raw, float* bias)
        where TLanes : struct, IVectorLanes<TVector>
        where TVector : struct
    {
        var scale = TLanes.Create(Scale);
        var score = bias is null ? TLanes.Multiply(raw, scale) : TLanes.Fma(raw, scale, TLanes.Load(bias));
        return HasCap ? Capped<TLanes, TVector>(score) : score;
    }

    /// <summary>c·tanh(x/c).</summary>
    [MethodImpl(MethodImplOptions.NoInlining)]
    public TVector Capped<TLanes, TVector>(TVector score)
        where TLanes : struct, IVectorLanes<TVector>
        where TVector : struct =>
        TLanes.Multiply(
            TLanes.Create(_cap), VectorMath.Tanh<TLanes, TVector>(TLanes.Multiply(score, TLanes.Create(_inverseCap))));
}
