// Numbers in memory and in registers. Tensors hold TYPE, arithmetic is float: 16-bit types are storage.
//
// Parameters: TYPE (F32, F16, BF16), LANES (floats of a "real": 1, 8 or 16), HAS_FP16 (16-bit floats widen and narrow by the device's instructions; else
// by the functions that every device has, and in vectors by their bits).
// A processor runs one work-item on vectors of LANES floats, a GPU runs LANES = 1 in many work-items.

#define CAT_(a, b) a##b
#define CAT(a, b) CAT_(a, b)

#if LANES == 1
typedef float real;
#else
typedef CAT(float, LANES) real;
typedef CAT(int, LANES) whole;
typedef CAT(uint, LANES) bits_of_lanes;
#define AS_REAL CAT(as_float, LANES)
#define AS_WHOLE CAT(as_int, LANES)
#define VLOAD CAT(vload, LANES)
#define VSTORE CAT(vstore, LANES)
#endif

#if TYPE == TYPE_F32
typedef float element;
#elif TYPE == TYPE_F16
typedef half element;
#else
typedef ushort element;
#endif

#if TYPE == TYPE_F16 && HAS_FP16
#pragma OPENCL EXTENSION cl_khr_fp16 : enable
#endif

#define LOG2_E 1.44269504088896341f
#define LN_2 0.693147180559945309f

// A loop that is not worth copies and vectors, on which compilers spend their time.
#ifdef __clang__
#define ROLLED _Pragma("clang loop vectorize(disable) unroll(disable)")
#else
#define ROLLED
#endif

// One element as float.
float load_one(const global element *p, long i)
{
#if TYPE == TYPE_F32
    return p[i];
#elif TYPE == TYPE_F16 && HAS_FP16
    return convert_float(p[i]);
#elif TYPE == TYPE_F16
    return vload_half(i, p);
#else
    return as_float((uint)p[i] << 16);
#endif
}

// Nearest-even into the tensor's type; a NaN stays one.
void store_one(global element *p, long i, float x)
{
#if TYPE == TYPE_F32
    p[i] = x;
#elif TYPE == TYPE_F16 && HAS_FP16
    p[i] = convert_half_rte(x);
#elif TYPE == TYPE_F16
    vstore_half_rte(x, i, p);
#else
    const uint u = as_uint(x);
    p[i] = (ushort)(isnan(x) ? (u >> 16) | 0x40u : (u + 0x7fffu + ((u >> 16) & 1u)) >> 16);
#endif
}

#if LANES == 1

real load_reals(const global element *p, long i) { return load_one(p, i); }
real load_some(const global element *p, long i, int count) { return load_one(p, i); }
void store_some(global element *p, long i, real x, int count) { store_one(p, i, x); }
real load_floats(const global float *p, long i, int count) { return p[i]; }
float sum_of(real x) { return x; }

#else

// LANES elements in a row.
real load_reals(const global element *p, long i)
{
#if TYPE == TYPE_F32
    return VLOAD(0, p + i);
#elif TYPE == TYPE_F16 && HAS_FP16
    return CAT(convert_float, LANES)(VLOAD(0, p + i));
#elif TYPE == TYPE_F16
    // The bits moved to their places in a float; the factor mends the exponent and makes subnormals normal.
    const bits_of_lanes h = CAT(convert_uint, LANES)(VLOAD(0, (const global ushort *)p + i));
    const bits_of_lanes magnitude = (h & 0x7fffu) << 13;
    const bits_of_lanes finite = CAT(as_uint, LANES)(AS_REAL(magnitude) * 0x1p112f);
    const bits_of_lanes special = magnitude | 0x7f800000u;
    return AS_REAL(select(finite, special, CAT(as_uint, LANES)(magnitude >= 0x0f800000u)) | ((h & 0x8000u) << 16));
#else
    return AS_REAL(CAT(convert_uint, LANES)(VLOAD(0, p + i)) << 16);
#endif
}

// The first count of LANES elements, zeros behind them.
real load_some(const global element *p, long i, int count)
{
    if (count >= LANES)
    {
        return load_reals(p, i);
    }

    real values = 0.0f;
    ROLLED
    for (int lane = 0; lane < count; lane++)
    {
        ((float *)&values)[lane] = load_one(p, i + lane);
    }

    return values;
}

real load_floats(const global float *p, long i, int count)
{
    if (count >= LANES)
    {
        return VLOAD(0, p + i);
    }

    real values = 0.0f;
    ROLLED
    for (int lane = 0; lane < count; lane++)
    {
        ((float *)&values)[lane] = p[i + lane];
    }

    return values;
}

void store_some(global element *p, long i, real x, int count)
{
#if TYPE == TYPE_F32
    if (count >= LANES)
    {
        VSTORE(x, 0, p + i);
        return;
    }
#elif TYPE == TYPE_F16
    if (count >= LANES)
    {
#if HAS_FP16
        VSTORE(CAT(CAT(convert_half, LANES), _rte)(x), 0, p + i);
#else
        CAT(CAT(vstore_half, LANES), _rte)(x, 0, p + i);
#endif
        return;
    }
#else
    if (count >= LANES)
    {
        const bits_of_lanes u = CAT(as_uint, LANES)(x);
        const bits_of_lanes rounded = (u + 0x7fffu + ((u >> 16) & 1u)) >> 16;
        const bits_of_lanes quiet = (u >> 16) | 0x40u;
        VSTORE(CAT(convert_ushort, LANES)(select(rounded, quiet, CAT(as_uint, LANES)(isnan(x)))), 0, p + i);
        return;
    }
#endif
    ROLLED
    for (int lane = 0; lane < count; lane++)
    {
        store_one(p, i + lane, ((const float *)&x)[lane]);
    }
}

float sum_of(real x)
{
#if LANES == 16
    const float8 a = x.lo + x.hi;
#else
    const float8 a = x;
#endif
    const float4 b = a.lo + a.hi;
    const float2 c = b.lo + b.hi;
    return c.lo + c.hi;
}

#endif

// 2^x for x up to 127; 0 below -126; NaN for NaN. x = n + f with |f| <= 1/2: Taylor to the seventh power of f errs by 5e-9, and n goes into the
// exponent. Adding 1.5 * 2^23 rounds to an integer and leaves n in the low bits.
real exp2_of(real x)
{
#if LANES == 1
    return FAST_EXP2 ? native_exp2(x) : exp2(x);
#else
    const real bounded = select(x, (real)-126.0f, x < -126.0f);
    const real shifted = bounded + 12582912.0f;
    const real f = bounded - (shifted - 12582912.0f);
    real p = 1.5252733804059840e-5f * f + 1.5403530393381609e-4f;
    p = p * f + 1.3333558146428443e-3f;
    p = p * f + 9.6181291076284772e-3f;
    p = p * f + 5.5504108664821580e-2f;
    p = p * f + 2.4022650695910071e-1f;
    p = p * f + 6.9314718055994531e-1f;
    p = p * f + 1.0f;
    const real result = p * AS_REAL((AS_WHOLE(shifted) << 23) + 0x3f800000);
    return select(result, (real)0.0f, x < -126.0f);
#endif
}
