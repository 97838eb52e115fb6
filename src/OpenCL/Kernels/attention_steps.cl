// Attention operator by operator, the scores stored: the baseline that fused kernels are measured against, and what runs where they are refused.
// Scores are floats [batch, heads, length, length]. A work-group does one row of one head, as in rows.cl.
//
// Parameters: as rows.cl; BIAS, HAS_SOFTCAP as attention.cl.

#include "attention.cl"
#include "work_group.cl"

#define STEP (LANES * GROUP)
#define FIRST (LANES * (int)get_local_id(0))

// Row number to (batch, head, query).
#define PLACE(shape) \
    const long row = get_group_id(0); \
    const int query = (int)(row % shape.queries), head = (int)(row / shape.queries % shape.heads); \
    const int batch = (int)(row / shape.queries / shape.heads); \
    const int kv_head = head / shape.heads_per_kv_head;

kernel void score_rows(const attention_shape shape, const global element *q, const global element *k, global float *scores)
{
    PLACE(shape)
    const global element *q_row = q + shape.q_start + batch * shape.q_batch + head * shape.q_head + query * shape.q_row;
    const global element *k_rows = k + shape.k_start + batch * shape.k_batch + kv_head * shape.k_head;
    for (int key = get_local_id(0); key < shape.keys; key += GROUP)
    {
        real sum = 0.0f;
        for (int d = 0; d < shape.head_size; d += LANES)
        {
            sum += load_some(q_row, d, shape.head_size - d) * load_some(k_rows + key * shape.k_row, d, shape.head_size - d);
        }

        scores[row * shape.keys + key] = sum_of(sum);
    }
}

// Bits of a row of keys, least significant first, 64 a word; slices repeat by batch item and head as the strides say.
kernel void mask_rows(
    const attention_shape shape, global float *scores, const global ulong *bits, const int words, const int batch_stride, const int head_stride,
    const global float *bias, const global int *bias_origins)
{
    PLACE(shape)
    const global ulong *row_bits = bits + ((long)batch * batch_stride + (long)head * head_stride + query) * words;
    for (int key = get_local_id(0); key < shape.keys; key += GROUP)
    {
        const long at = row * shape.keys + key;
        float s = scores[at] * shape.scale + bias_at(bias, bias_origins, shape, batch, head, query, key);
#if HAS_SOFTCAP
        s = shape.cap * tanh(s * shape.inverse_cap);
#endif
        scores[at] = (row_bits[key / 64] >> (key % 64)) & 1ul ? s : -INFINITY;
    }
}

// Softmax of a row in place; a row of minus infinities becomes zeros.
kernel void softmax_rows(const attention_shape shape, global float *scores, local float *places)
{
    global float *row = scores + (long)get_group_id(0) * shape.keys;
    const int me = get_local_id(0);
    float m = -INFINITY;
    for (int key = me; key < shape.keys; key += GROUP)
    {
        m = row[key] > m ? row[key] : m;
    }

    m = group_max(m, places);
    const float base = m == -INFINITY ? 0.0f : m;
    float sum = 0.0f;
    for (int c = FIRST; c < shape.keys; c += STEP)
    {
        const int count = shape.keys - c;
        const real p = exp2_of((load_floats(row, c, count) - base) * LOG2_E);
#if LANES > 1
        if (count >= LANES)
        {
            VSTORE(p, 0, row + c);
            sum += sum_of(p);
            continue;
        }

        ROLLED
        for (int lane = 0; lane < count; lane++)
        {
            row[c + lane] = ((const float *)&p)[lane];
            sum += ((const float *)&p)[lane];
        }
#else
        row[c] = p;
        sum += p;
#endif
    }

    const float factor = 1.0f / group_sum(sum, places);
    for (int c = me; c < shape.keys; c += GROUP)
    {
        row[c] = m == -INFINITY ? 0.0f : row[c] * factor;
    }
}

// Rows [batch, heads, length, size] of weights times values.
kernel void weigh_rows(const attention_shape shape, const global float *weights, const global element *v, global element *y)
{
    PLACE(shape)
    const global element *v_rows = v + shape.v_start + batch * shape.v_batch + kv_head * shape.v_head;
    for (int d = FIRST; d < shape.value_size; d += STEP)
    {
        const int count = shape.value_size - d;
        real sum = 0.0f;
        for (int key = 0; key < shape.keys; key++)
        {
            const float w = weights[row * shape.keys + key];
            if (w != 0.0f)
            {
                sum += w * load_some(v_rows + key * shape.v_row, d, count);
            }
        }

        store_some(y, row * shape.value_size + d, sum, count);
    }
}

// [batch, heads, length, size] to [batch, length, heads, size].
kernel void merge_heads(const attention_shape shape, const global element *x, global element *y)
{
    PLACE(shape)
    const long to = shape.o_start + batch * shape.o_batch + head * shape.o_head + query * shape.o_row;
    for (int d = FIRST; d < shape.value_size; d += STEP)
    {
        const int count = shape.value_size - d;
        store_some(y, to + d, load_some(x, row * shape.value_size + d, count), count);
    }
}
