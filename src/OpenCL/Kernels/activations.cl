// The functions between two products. Codes are those of ActivationCode.

#include "numbers.cl"

#define ACTIVATION_NONE 0
#define ACTIVATION_GELU_ERF 1
#define ACTIVATION_GELU_TANH 2
#define ACTIVATION_RELU 3
#define ACTIVATION_SWI_GLU 4

// 1 / (1 + exp(-x)); below -87 the exponential is as good as infinite.
real logistic(real x)
{
    const real t = -LOG2_E * x;
    return 1.0f / (1.0f + exp2_of(select(t, (real)126.0f, t > 126.0f)));
}

// x times the normal distribution function. On vectors the error function is Abramowitz and Stegun 7.1.26, whose absolute error is 1.5e-7.
real gelu_erf(real x)
{
#if LANES == 1
    return 0.5f * x * (1.0f + erf(x * 0.70710678118654752f));
#else
    const real z = fabs(x) * 0.70710678118654752f;
    const real t = 1.0f / (1.0f + 0.3275911f * z);
    real p = 1.061405429f * t - 1.453152027f;
    p = p * t + 1.421413741f;
    p = p * t - 0.284496736f;
    p = p * t + 0.254829592f;
    const real tail = 0.5f * p * t * exp2_of(-LOG2_E * z * z);
    return x * select(1.0f - tail, tail, x < 0.0f);
#endif
}

// 0.5 x (1 + tanh(u)) is x / (1 + exp(-2 u)).
real gelu_tanh(real x) { return x * logistic(1.5957691216057308f * (x + 0.044715f * x * x * x)); }

real activate(int kind, real x)
{
    switch (kind)
    {
        case ACTIVATION_GELU_ERF: return gelu_erf(x);
        case ACTIVATION_GELU_TANH: return gelu_tanh(x);
        case ACTIVATION_RELU: return select(x, (real)0.0f, x < 0.0f);
        default: return x;
    }
}

real swi_glu(real gate, real up) { return gate * logistic(gate) * up; }
