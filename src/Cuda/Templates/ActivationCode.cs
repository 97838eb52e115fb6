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

    // erfc(a/√2)/2·e^(a²/2) by powers of t = 1/(1 + p·a) from the first up, least largest relative error over a in [0, 8]: 2.4e-5 and 4.8e-8.
    private const float CoarsePole = 0.25f;
    private const float FinePole = 0.3f;
    private static readonly float[] Coarse = [0.101764479f, 0.0772829207f, 0.189280391f, -0.114136673f, 0.245820649f];

    private static readonly float[] Fine =
        [0.119610325f, 0.121047404f, 0.0980768588f, 0.134624329f, -0.065137905f, 0.218793912f, -0.164424177f, 0.0374092764f];

    /// <summary>The activation of a value; of SwiGLU the gate's, silu(x).</summary>
    /// <param name="b">The kernel.</param>
    /// <param name="kind">The function.</param>
    /// <param name="x">The value.</param>
    /// <param name="output">Type that the result is rounded to: F32 asks for more digits.</param>
    public static F32 Activate(this KernelBuilder b, ActivationKind kind, F32 x, DType output) => kind switch
    {
        ActivationKind.Relu => b.Max(x, 0f),
        ActivationKind.GeluErf => GeluErf(b, x, output),
        ActivationKind.GeluTanh => Gate(b, x, b.Mul(x, b.Fma(b.Mul(x, x), TanhCubic, TanhLinear)), output),
        _ => Gate(b, x, b.Mul(x, -LogE), output),
    };

    // max(x, 0) − |x|·Q(|x|) with the normal distribution's tail Q: no cancellation for negative x, and no case distinction.
    private static F32 GeluErf(KernelBuilder b, F32 x, DType output)
    {
        var (pole, powers) = output == DType.F32 ? (FinePole, Fine) : (CoarsePole, Coarse);
        var size = b.Abs(x);
        var t = b.RcpApprox(b.Fma(size, pole, 1f), flush: true);
        F32 series = powers[^1];
        for (var i = powers.Length - 2; i >= 0; i--)
        {
            series = b.Fma(series, t, powers[i]);
        }

        var bell = b.Ex2(b.Mul(b.Mul(x, x), -LogE / 2), flush: true);
        var tail = b.Mul(b.Mul(series, t), bell);
        return b.Fma(b.Neg(size), tail, b.Max(x, 0f));
    }

    // x / (1 + 2^w): x/2·(1 + tanh(u)) is that with w = −2·log2(e)·u. From w = 128 on the power is infinite and the result 0.
    private static F32 Gate(KernelBuilder b, F32 x, F32 w, DType output)
    {
        var sum = b.Add(b.Ex2(w, flush: true), 1f);
        return output == DType.F32 ? b.Mul(x, b.RcpApprox(sum)) : b.Mul(x, b.RcpApprox(sum, flush: true));
    }
}
