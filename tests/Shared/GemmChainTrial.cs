using Stof.Reference.Cpu.Oracle;
using Stof.Reference.Graphs;
using Stof.Reference.Numerics;
using Stof.Reference.Tensors;

namespace Stof.Reference.Tests;

/// <summary>Two products with an activation between them: rounded inputs, and what double precision makes of them with a middle rounded as operands are.</summary>
internal sealed class GemmChainTrial
{
    /// <summary>Added to a variance or a mean square.</summary>
    public const float Epsilon = 1e-5f;

    private readonly DType _type;
    private readonly double[] _sum;
    private readonly double[] _expected;

    /// <summary>Draws inputs.</summary>
    /// <param name="random">Where from.</param>
    /// <param name="type">F16 or BF16.</param>
    /// <param name="rows">Rows.</param>
    /// <param name="depth">Columns of X.</param>
    /// <param name="middle">Columns of the middle.</param>
    /// <param name="columns">Columns of Y.</param>
    /// <param name="activation">Between the products.</param>
    /// <param name="hasBias">True for a bias of both.</param>
    /// <param name="hasResidual">True for rows that are added.</param>
    /// <param name="prologue">Normalises rows of X; null for not at all.</param>
    /// <param name="norm">Normalises rows of Y; null for not at all.</param>
    public GemmChainTrial(
        Random random, DType type, int rows, int depth, int middle, int columns, ActivationKind activation, bool hasBias, bool hasResidual, NormKind? prologue, NormKind? norm)
    {
        _type = type;
        var first = new GemmTrial(random, type, rows, middle, depth, hasBias, activation);
        var second = new GemmTrial(random, type, rows, columns, middle, hasBias, null, hasResidual);
        (X, FirstWeight, SecondWeight, FirstBias, Bias, Residual) = (first.A, first.Weight, second.Weight, first.Bias, second.Bias, second.Residual);
        var width = prologue is null ? columns : depth;
        var kind = prologue ?? norm;
        Gamma = kind is null ? null : Seeded.Tensor(random, type, width);
        Beta = kind == NormKind.Layer ? Seeded.Tensor(random, type, width) : null;
        var x = prologue is { } way ? Rounded(Normalised(X.ToDoubles(), way)) : X.ToDoubles();
        var inner = NaiveOperators.Gemm(x, FirstWeight.ToDoubles(), rows, middle, depth);
        inner = FirstBias is null ? inner : NaiveOperators.Bias(inner, FirstBias.ToDoubles());
        inner = Rounded(NaiveOperators.Map(inner, activation switch
        {
            ActivationKind.Relu => NaiveOperators.Relu,
            ActivationKind.GeluErf => NaiveOperators.GeluErf,
            _ => NaiveOperators.GeluTanh,
        }));
        _sum = NaiveOperators.Gemm(inner, SecondWeight.ToDoubles(), rows, columns, middle);
        _sum = Bias is null ? _sum : NaiveOperators.Bias(_sum, Bias.ToDoubles());
        _sum = Residual is null ? _sum : NaiveOperators.Residual(_sum, Residual.ToDoubles());
        _expected = norm is { } last ? Normalised(_sum, last) : _sum;
    }

    /// <summary>[rows, depth].</summary>
    public HostTensor X { get; }

    /// <summary>[middle, depth].</summary>
    public HostTensor FirstWeight { get; }

    /// <summary>[columns, middle].</summary>
    public HostTensor SecondWeight { get; }

    /// <summary>[middle], or null.</summary>
    public HostTensor? FirstBias { get; }

    /// <summary>[columns], or null.</summary>
    public HostTensor? Bias { get; }

    /// <summary>[rows, columns], or null.</summary>
    public HostTensor? Residual { get; }

    /// <summary>Factor of the norm, or null.</summary>
    public HostTensor? Gamma { get; }

    /// <summary>Shift of the norm, or null.</summary>
    public HostTensor? Beta { get; }

    /// <summary>
    /// Requires the relative Frobenius error of one rounding and of a middle (and of rows normalised on the way in) some of whose elements are rounded the
    /// other way, since float sums differ.
    /// </summary>
    public void Require(HostTensor y, HostTensor? sum, string label)
    {
        foreach (var (found, expected) in sum is null ? [(y, _expected)] : new[] { (y, _expected), (sum, _sum) })
        {
            var error = ErrorMetrics.Compare(expected, found.ToDoubles(), _type).RelativeFrobenius;
            Assert.True(error <= 1.5 * _type.UnitRoundoff(), $"{label}{(ReferenceEquals(found, sum) ? ", sum" : "")}: {error:e2}");
        }
    }

    private double[] Normalised(double[] rows, NormKind kind) => kind == NormKind.Layer
        ? NaiveOperators.LayerNorm(rows, Gamma!.ToDoubles(), Beta!.ToDoubles(), Epsilon)
        : NaiveOperators.RmsNorm(rows, Gamma!.ToDoubles(), Epsilon);

    private double[] Rounded(double[] values) => HostTensor.From(values, values.Length).To(_type).ToDoubles();
}
