using Stof.Reference.Cuda.Ptx;
using Stof.Reference.Graphs;
using Stof.Reference.Numerics;

namespace Stof.Reference.Cuda.Templates;

/// <summary>Activations on a register.</summary>
internal static class ActivationCode
{
    private const float LogE = 1.4426950408889634f; // log2(e)
    private const float TanhLinear = -2.3022081983f; // −2·log2(e)·√(2/π)
    private const float TanhCubic = -0.10294323958f; // 0.044715 times that

    // Of both GELUs log2 of the gate at −a, Φ(−a) or its tanh form, by powers of a; least largest relative error of a·2^p where a·2^p is a normal half, of its
    // absolute error below: 8.4e-5 and 5.8e-5. The last coefficient is negative, so that 2^p is 0 for whatever is larger.
    private static readonly float[] ErfGate = [-1.0001206f, -1.14917656f, -0.464120212f, -0.0482374903f, 0.00582731133f, -0.000320510501f];

    private static readonly float[] TanhGate =
        [-0.999915901f, -1.15366082f, -0.44655624f, -0.0748517787f, 0.027802791f, -0.00838705835f, 0.000925837977f, -3.47120827e-05f];

    // erfc(a/√2)/2·e^(a²/2) by powers of t = 1/(1 + p·a) from the first up, least largest relative error over a in [0, 8]: 4.8e-8.
    private const float Pole = 0.3f;

    private static readonly float[] Tail =
        [0.119610325f, 0.121047404f, 0.0980768588f, 0.134624329f, -0.065137905f, 0.218793912f, -0.164424177f, 0.0374092764f];

    /// <summary>The activation of a value; of SwiGLU the gate's, silu(x).</summary>
    /// <param name="b">The kernel.</param>
    /// <param name="kind">The function.</param>
    /// <param name="x">The value.</param>
    /// <param name="output">Type that the result is rounded to: F32 asks for more digits.</param>
    public static F32 Activate(this KernelBuilder b, ActivationKind kind, F32 x, DType output) => (kind, output) switch
    {
        (ActivationKind.Relu, _) => b.Max(x, 0f),
        (ActivationKind.GeluErf, DType.F32) => GeluErf(b, x),
        (ActivationKind.GeluErf, _) => Gelu(b, x, ErfGate),
        (ActivationKind.GeluTanh, DType.F32) => Gate(b, x, b.Mul(x, b.Fma(b.Mul(x, x), TanhCubic, TanhLinear)), output),
        (ActivationKind.GeluTanh, _) => Gelu(b, x, TanhGate),
        _ => Gate(b, x, b.Mul(x, -LogE), output),
    };

    // max(x, 0) − |x|·gate(−|x|). A multiprocessor has eight times as many multiply-adders as units for powers and reciprocals: one power, and no reciprocal.
    private static F32 Gelu(KernelBuilder b, F32 x, float[] powers)
    {
        var size = b.Abs(x);
        return b.Fma(b.Neg(size), b.Ex2(Series(b, size, powers), flush: true), b.Max(x, 0f));
    }

    // max(x, 0) − |x|·Q(|x|) with the normal distribution's tail Q: no cancellation for negative x, and no case distinction.
    private static F32 GeluErf(KernelBuilder b, F32 x)
    {
        var size = b.Abs(x);
        var t = b.RcpApprox(b.Fma(size, Pole, 1f), flush: true);
        var bell = b.Ex2(b.Mul(b.Mul(x, x), -LogE / 2), flush: true);
        var tail = b.Mul(b.Mul(Series(b, t, Tail), t), bell);
        return b.Fma(b.Neg(size), tail, b.Max(x, 0f));
    }

    private static F32 Series(KernelBuilder b, F32 x, float[] powers)
    {
        F32 series = powers[^1];
        for (var i = powers.Length - 2; i >= 0; i--)
        {
            series = b.Fma(series, x, powers[i]);
        }

        return series;
    }

    // x / (1 + 2^w): x/2·(1 + tanh(u)) is that with w = −2·log2(e)·u. From w = 128 on the power is infinite and the result 0.
    private static F32 Gate(KernelBuilder b, F32 x, F32 w, DType output)
    {
        var sum = b.Add(b.Ex2(w, flush: true), 1f);
        return output == DType.F32 ? b.Mul(x, b.RcpApprox(sum)) : b.Mul(x, b.RcpApprox(sum, flush: true));
    }
}
