using System.Runtime.CompilerServices;
using Stof.Reference.Operators;

namespace Stof.Reference.Cpu.Simd.Attention;

/// <summary>What turns a raw q·k into a score: scale, bias, cap, in this order.</summary>
/// <param name="problem">The problem.</param>
/// <param name="byKey">True for a kernel that has the queries of one key in neighbouring lanes, false for the keys of one query.</param>
internal sealed unsafe class ScoreRule(AttentionProblem problem, bool byKey = false)
{
    private readonly BiasRows? _bias = BiasRows.Of(problem, byKey);
    private readonly float _cap = (float)(problem.Softcap ?? 0);
    private readonly float _inverseCap = (float)(1 / (problem.Softcap ?? 1));

    /// <summary>True if scores are capped.</summary>
    public bool HasCap { get; } = problem.Softcap is not null;

    /// <summary>Factor on q·k.</summary>
    public float Scale { get; } = (float)problem.EffectiveScale;

    /// <summary>Biases of one query indexed by key, or of one key indexed by query; null without a bias.</summary>
    public float* Bias(int batch, int head, int row) => _bias is null ? null : _bias.Row(batch, head, row);

    /// <summary>True if a raw score needs more than the scale.</summary>
    public bool HasMoreThanScale => _bias is not null || HasCap;

    /// <summary>Applies the whole rule to a row of raw scores, in place.</summary>
    /// <param name="row">Products q·k of neighbouring keys or queries.</param>
    /// <param name="columns">Their number, a multiple of 16.</param>
    /// <param name="bias">Biases of the same pairs, or null.</param>
    public void Apply<TLanes, TVector>(float* row, int columns, float* bias)
        where TLanes : struct, IVectorLanes<TVector>
        where TVector : struct
    {
        var scale = TLanes.Create(Scale);
        for (var c = 0; c < columns; c += TLanes.Width)
        {
            var raw = TLanes.Load(row + c);
            TLanes.Store(bias is null ? TLanes.Multiply(raw, scale) : TLanes.Fma(raw, scale, TLanes.Load(bias + c)), row + c);
        }

        for (var c = 0; HasCap && c < columns; c += TLanes.Width)
        {
            TLanes.Store(Capped<TLanes, TVector>(TLanes.Load(row + c)), row + c);
        }
    }

    /// <summary>c·tanh(x/c).</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public TVector Capped<TLanes, TVector>(TVector score)
        where TLanes : struct, IVectorLanes<TVector>
        where TVector : struct =>
        TLanes.Multiply(
            TLanes.Create(_cap), VectorMath.Tanh<TLanes, TVector>(TLanes.Multiply(score, TLanes.Create(_inverseCap))));
}
