// What all attention kernels share: the shape, scores, and the masks' tiles.
//
// Parameters: BIAS (NONE, BY_DISTANCE, BY_PAIR), HAS_SOFTCAP, IS_JOINED (tensors lie in the buffer of the lists), and those of numbers.cl.
// A row's state is (m, l, o): maximum and sum of powers of two, since scores carry the factor log2(e).

#include "numbers.cl"

// Where lists, and tensors where IS_JOINED, begin in their buffer, in bytes; the same fields in the same order as AttentionPlaces.
typedef struct
{
    long inputs, o, items, columns, part_tiles, bits, bias, bias_origins, sinks, states, cuts, arrivals, log_sum_exp;
} attention_places;

#define LIST(type, name) ((global type *)(lists + shape.at.name))

// What a kernel takes beside the shape, and its first lines: a launch is shorter with fewer buffers.
#if IS_JOINED
#define TENSORS_AND_LISTS global uchar *lists
#define FIND_TENSORS \
    const global element *inputs = LIST(const element, inputs); \
    global element *o = LIST(element, o);
#else
#define TENSORS_AND_LISTS const global element *inputs, global element *o, global uchar *lists
#define FIND_TENSORS
#endif

// Strides in elements; the same fields in the same order as AttentionShape.
typedef struct
{
    attention_places at;
    long q_start, q_batch, q_head, q_row;
    long k_start, k_batch, k_head, k_row;
    long v_start, v_batch, v_head, v_row;
    long o_start, o_batch, o_head, o_row;
    long bias_batch, bias_head, bias_row;
    int queries, keys, heads, heads_per_kv_head, head_size, value_size;
    int tile_rows, tile_columns;
    int has_lse, has_sinks;
    float scale, cap, inverse_cap;
    int reserved;
} attention_shape;

// cap(scale * product + bias) * log2(e)
real finish_score(real product, real bias, float scale, float cap, float inverse_cap)
{
    real s = product * scale;
#if BIAS != BIAS_NONE
    s += bias;
#endif
#if HAS_SOFTCAP
    s = cap * tanh(s * inverse_cap);
#endif
    return s * LOG2_E;
}

float bias_at(const global float *bias, const global int *origins, const attention_shape shape, int batch, int head, int query, int key)
{
#if BIAS == BIAS_BY_DISTANCE
    return bias[head * shape.bias_head + origins[batch] + key - query];
#elif BIAS == BIAS_BY_PAIR
    return bias[batch * shape.bias_batch + head * shape.bias_head + query * shape.bias_row + key];
#else
    return 0.0f;
#endif
}

// The base against which exponents are taken: a row that has seen only minus infinity must not subtract it from itself.
real exponent_base(real m) { return select(m, (real)0.0f, m == -INFINITY); }

real larger(real a, real b) { return select(a, b, b > a); }

// Eight rows by eight keys: bit 8 r + c becomes bit 8 c + r.
ulong transposed_word(ulong x)
{
    ulong t = (x ^ (x >> 7)) & 0x00AA00AA00AA00AAul;
    x = x ^ t ^ (t << 7);
    t = (x ^ (x >> 14)) & 0x0000CCCC0000CCCCul;
    x = x ^ t ^ (t << 14);
    t = (x ^ (x >> 28)) & 0x00000000F0F0F0F0ul;
    return x ^ t ^ (t << 28);
}

// The 64 keys of a row of a 64 x 64 tile: byte r of each column of words.
ulong bits_of_row(const global ulong *words, int row)
{
    const global uchar *bytes = (const global uchar *)words;
    ulong bits = 0;
    for (int c = 0; c < 8; c++)
    {
        bits |= (ulong)bytes[row + 64 * c] << (8 * c);
    }

    return bits;
}

// O and LSE of a row from its state; a sink takes part in the sum and adds nothing to o.
float finish_row(float m, float l, int seen, int has_sinks, float sink, float *log_sum_exp)
{
    if (!seen && !has_sinks)
    {
        *log_sum_exp = -INFINITY;
        return 0.0f;
    }

    if (has_sinks)
    {
        const float logit = sink * LOG2_E;
        const float top = seen && m > logit ? m : logit;
        l = (seen ? l * exp2(m - top) : 0.0f) + exp2(logit - top);
        *log_sum_exp = top * LN_2 + log(l);
        return seen ? exp2(m - top) / l : 0.0f;
    }

    l = l == 0.0f ? NAN : l; // only scores of minus infinity: a softmax of nothing
    *log_sum_exp = m * LN_2 + log(l);
    return 1.0f / l;
}
