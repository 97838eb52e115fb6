namespace Stof.Reference.Cpu.Simd;

/// <summary>The element-wise function between a GEMM's bias and its residual.</summary>
public enum Activation
{
    /// <summary>x.</summary>
    None,

    /// <summary>max(x, 0); NaN stays NaN.</summary>
    Relu,

    /// <summary>x/2 · (1 + erf(x/√2)) (Hendrycks and Gimpel 2016).</summary>
    GeluErf,

    /// <summary>x/2 · (1 + tanh(√(2/π) · (x + 0.044715 x³))) (same source, the approximation that GPT-2 uses).</summary>
    GeluTanh,

    /// <summary>x / (1 + e⁻ˣ).</summary>
    Silu,

    /// <summary>silu(a) · b with a the first and b the second half of the columns (Shazeer 2020).</summary>
    SwiGlu,
}
