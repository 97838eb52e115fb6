// Block-wise attention for processors: one work-item computes ROWS = LANES * VECTORS queries, one query a lane, over the loaded tiles of its
// tile row. Scores of eight keys by VECTORS vectors stay in registers; a key's element is broadcast to all lanes. Maxima and sums run down the
// lanes, so nothing is ever added across a vector. Where a part tile lets none of the ROWS queries see eight neighbouring keys, these eight are
// neither read nor multiplied; where it lets all see them, their bits cost nothing more.
//
// Parameters: VECTORS, and those of attention.cl.

#include "attention.cl"

#define ROWS (LANES * VECTORS)
#define GROUP 8
#define MAX_GROUPS 64
#define ALL_ROWS (ROWS == 32 ? 0xffffffffu : (1u << (ROWS & 31)) - 1)

// The queries that may see each of eight keys, a bit a query, from the words of a part tile that hold these rows and keys.
uint group_bits(const global ulong *words, int first_word, uint *bits, uint *every)
{
    uint any = 0;
    *every = ALL_ROWS;
    ulong turned[ROWS / 8];
    for (int r = 0; r < ROWS / 8; r++)
    {
        turned[r] = transposed_word(words[first_word + r]);
    }

    for (int c = 0; c < GROUP; c++)
    {
        uint b = 0;
        for (int r = 0; r < ROWS / 8; r++)
        {
            b |= (uint)((turned[r] >> (8 * c)) & 0xff) << (8 * r);
        }

        bits[c] = b;
        any |= b;
        *every &= b;
    }

    return any;
}

real masked(real score, uint bits, int vector)
{
#if LANES == 16
    const whole lanes = (whole)(31, 30, 29, 28, 27, 26, 25, 24, 23, 22, 21, 20, 19, 18, 17, 16);
#else
    const whole lanes = (whole)(31, 30, 29, 28, 27, 26, 25, 24);
#endif
    return select((real)-INFINITY, score, (whole)(int)(bits >> (LANES * vector)) << lanes);
}

#if BIAS != BIAS_NONE
real bias_of_lanes(const global float *bias, const global int *origins, const attention_shape shape, int batch, int head, int query, int key)
{
    float values[LANES];
    for (int lane = 0; lane < LANES; lane++)
    {
        values[lane] = query + lane < shape.queries && key < shape.keys ? bias_at(bias, origins, shape, batch, head, query + lane, key) : 0.0f;
    }

    return VLOAD(0, values);
}
#endif

// Rows of K or V as floats, padded with zeros to a multiple of eight; a key beyond the last is a row of zeros.
void stage_keys(const global element *rows, long stride, int first, int limit, int size, int padded, local float *to)
{
    for (int j = 0; j < GROUP; j++)
    {
        const int valid = first + j < limit ? size : 0;
        const global element *row = rows + (first + j) * stride;
        local float *target = to + j * padded;
        int d = 0;
        for (; d + LANES <= valid; d += LANES)
        {
            VSTORE(load_reals(row, d), 0, target + d);
        }

        for (; d < padded; d++)
        {
            target[d] = d < valid ? load_one(row, d) : 0.0f;
        }
    }
}

kernel void attention_blockwise(
    const attention_shape shape,
    const global element *q, const global element *k, const global element *v, global element *o, global float *lse,
    const global int *items, const global int *load_col_idx, const global int *load_part_idx, const global ulong *bitmaps,
    const int tile_rows, const int tile_columns,
    const global float *bias, const global int *bias_origins, const global float *sinks,
    global float *states,
    local float *scratch)
{
    const int strips = tile_rows / ROWS;
    const int strip = (int)get_group_id(0) % strips;
    const global int *item = items + (get_group_id(0) / strips) * 8;
    const int batch = item[0], head = item[1], tile_row = item[2], part = item[5];
    const int query = tile_row * tile_rows + strip * ROWS;
    const int size = shape.head_size;
    const int padded = (shape.value_size + 7) / 8 * 8;
    if (query >= shape.queries && part < 0)
    {
        return;
    }

    const int kv_head = head / shape.heads_per_kv_head;
    const global element *q_rows = q + shape.q_start + batch * shape.q_batch + head * shape.q_head + query * shape.q_row;
    const global element *k_rows = k + shape.k_start + batch * shape.k_batch + kv_head * shape.k_head;
    const global element *v_rows = v + shape.v_start + batch * shape.v_batch + kv_head * shape.v_head;

    // Floats: queries [D][ROWS], output [Dv][ROWS], scores [BN][ROWS], keys [BN][D], values [BN][Dv].
    local float *queries = scratch;
    local float *output = queries + size * ROWS;
    local float *scores = output + padded * ROWS;
    local float *keys = scores + tile_columns * ROWS;
    local float *values = keys + tile_columns * size;

    for (int r = 0; r < ROWS; r++)
    {
        for (int d = 0; d < size; d++)
        {
            queries[d * ROWS + r] = query + r < shape.queries ? load_one(q_rows + r * shape.q_row, d) : 0.0f;
        }
    }

    for (int i = 0; i < padded * ROWS; i += LANES)
    {
        VSTORE((real)0.0f, 0, output + i);
    }

    real m[VECTORS], l[VECTORS];
    uint seen = 0;
    for (int n = 0; n < VECTORS; n++)
    {
        m[n] = -INFINITY;
        l[n] = 0.0f;
    }

    for (int entry = item[3]; entry < item[4]; entry++)
    {
        const int first_key = load_col_idx[entry] * tile_columns;
        const int part_tile = load_part_idx[entry];
        const global ulong *words = bitmaps + (long)part_tile * (tile_rows / 8) * (tile_columns / 8);
        real top[VECTORS];
        for (int n = 0; n < VECTORS; n++)
        {
            top[n] = m[n];
        }

        int groups[MAX_GROUPS];
        int group_count = 0;
        for (int g = 0; g < tile_columns / GROUP; g++)
        {
            uint bits[GROUP];
            uint every = ALL_ROWS;
            if (part_tile >= 0)
            {
                const uint any = group_bits(words, (tile_rows / 8) * g + strip * (ROWS / 8), bits, &every);
                if (any == 0)
                {
                    continue;
                }

                seen |= any;
            }
            else
            {
                seen = ALL_ROWS;
            }

            const int at = group_count * GROUP;
            const int key = first_key + g * GROUP;
            groups[group_count++] = g;
            stage_keys(k_rows, shape.k_row, key, shape.keys, size, size, keys + at * size);
            stage_keys(v_rows, shape.v_row, key, shape.keys, shape.value_size, padded, values + at * padded);

            real s[GROUP][VECTORS];
            #pragma unroll
            for (int j = 0; j < GROUP; j++)
            {
                #pragma unroll
                for (int n = 0; n < VECTORS; n++)
                {
                    s[j][n] = 0.0f;
                }
            }

            for (int d = 0; d < size; d++)
            {
                real lanes[VECTORS];
                #pragma unroll
                for (int n = 0; n < VECTORS; n++)
                {
                    lanes[n] = VLOAD(0, queries + d * ROWS + n * LANES);
                }

                #pragma unroll
                for (int j = 0; j < GROUP; j++)
                {
                    const real broadcast = (real)keys[(at + j) * size + d];
                    #pragma unroll
                    for (int n = 0; n < VECTORS; n++)
                    {
                        s[j][n] += broadcast * lanes[n];
                    }
                }
            }

            #pragma unroll
            for (int j = 0; j < GROUP; j++)
            {
                #pragma unroll
                for (int n = 0; n < VECTORS; n++)
                {
                    VSTORE(s[j][n], 0, scores + (at + j) * ROWS + n * LANES);
                }
            }

            for (int j = 0; j < GROUP; j++)
            {
                for (int n = 0; n < VECTORS; n++)
                {
                    local float *place = scores + (at + j) * ROWS + n * LANES;
                    real score = VLOAD(0, place);
#if BIAS != BIAS_NONE
                    const real b = bias_of_lanes(bias, bias_origins, shape, batch, head, query + n * LANES, key + j);
#else
                    const real b = 0.0f;
#endif
                    score = finish_score(score, b, shape.scale, shape.cap, shape.inverse_cap);
                    if (every != ALL_ROWS)
                    {
                        score = masked(score, bits[j], n);
                    }

                    top[n] = larger(top[n], score);
                    VSTORE(score, 0, place);
                }
            }
        }

        const int key_count = group_count * GROUP;
        real shrink[VECTORS];
        for (int n = 0; n < VECTORS; n++)
        {
            const real base = exponent_base(top[n]);
            shrink[n] = exp2_of(m[n] - base);
            real sum = l[n] * shrink[n];
            for (int j = 0; j < key_count; j++)
            {
                local float *place = scores + j * ROWS + n * LANES;
                const real p = exp2_of(VLOAD(0, place) - base);
                VSTORE(p, 0, place);
                sum += p;
            }

            l[n] = sum;
            m[n] = top[n];
        }

        for (int d = 0; d < padded; d += GROUP)
        {
            real sum[GROUP][VECTORS];
            #pragma unroll
            for (int j = 0; j < GROUP; j++)
            {
                #pragma unroll
                for (int n = 0; n < VECTORS; n++)
                {
                    sum[j][n] = VLOAD(0, output + (d + j) * ROWS + n * LANES) * shrink[n];
                }
            }

            for (int i = 0; i < key_count; i++)
            {
                real p[VECTORS];
                #pragma unroll
                for (int n = 0; n < VECTORS; n++)
                {
                    p[n] = VLOAD(0, scores + i * ROWS + n * LANES);
                }

                #pragma unroll
                for (int j = 0; j < GROUP; j++)
                {
                    const real broadcast = (real)values[i * padded + d + j];
                    #pragma unroll
                    for (int n = 0; n < VECTORS; n++)
                    {
                        sum[j][n] += broadcast * p[n];
                    }
                }
            }

            #pragma unroll
            for (int j = 0; j < GROUP; j++)
            {
                #pragma unroll
                for (int n = 0; n < VECTORS; n++)
                {
                    VSTORE(sum[j][n], 0, output + (d + j) * ROWS + n * LANES);
                }
            }
        }
    }

    float row_m[ROWS], row_l[ROWS];
    for (int n = 0; n < VECTORS; n++)
    {
        VSTORE(m[n], 0, row_m + n * LANES);
        VSTORE(l[n], 0, row_l + n * LANES);
    }

    for (int r = 0; r < ROWS; r++)
    {
        const int row_seen = (seen >> r) & 1;
        if (part >= 0)
        {
            // State (part, row): m, l, seen, o.
            global float *state = states + ((long)part * tile_rows + strip * ROWS + r) * (3 + shape.value_size);
            state[0] = row_m[r];
            state[1] = row_l[r];
            state[2] = (float)row_seen;
            for (int d = 0; d < shape.value_size; d++)
            {
                state[3 + d] = output[d * ROWS + r];
            }

            continue;
        }
        if (query + r >= shape.queries)
        {
            break;
        }

        float log_sum_exp;
        const float factor = finish_row(row_m[r], row_l[r], row_seen, shape.has_sinks, shape.has_sinks ? sinks[head] : 0.0f, &log_sum_exp);
        global element *target = o + shape.o_start + batch * shape.o_batch + head * shape.o_head + (query + r) * shape.o_row;
        for (int d = 0; d < shape.value_size; d++)
        {
            store_one(target, d, row_seen ? output[d * ROWS + r] * factor : 0.0f);
        }

        if (shape.has_lse)
        {
            lse[((long)batch * shape.heads + head) * shape.queries + query + r] = log_sum_exp;
        }
    }
}
