// Block-wise attention for processors: one work-item computes ROWS = LANES * VECTORS queries, one query a lane, over the loaded tiles of its
// tile row. Scores of eight keys by VECTORS vectors stay in registers; a key's element is broadcast to all lanes. Maxima and sums run down the
// lanes, so nothing is ever added across a vector. Where a part tile lets none of the ROWS queries see eight neighbouring keys, these eight are
// neither read nor multiplied; where it lets all see them, their bits cost nothing more.
//
// Parameters: VECTORS, and those of attention.cl.

#include "attention.cl"

#define ROWS (LANES * VECTORS)
#define GROUP 8
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
    real values = 0.0f;
    ROLLED
    for (int lane = 0; lane < LANES && query + lane < shape.queries && key < shape.keys; lane++)
    {
        ((float *)&values)[lane] = bias_at(bias, origins, shape, batch, head, query + lane, key);
    }

    return values;
}
#endif

// Eight rows of K or V as floats; zeros behind a row's end, and rows of zeros for keys beyond the last.
void stage_rows(const global element *rows, long stride, int first, int limit, int size, local real *to)
{
    ROLLED
    for (int j = 0; j < GROUP; j++)
    {
        const int valid = first + j < limit ? size : 0;
        ROLLED
        for (int d = 0; d < size; d += LANES)
        {
            *to++ = load_some(rows + (first + j) * stride, d, valid - d);
        }
    }
}

kernel void attention_blockwise(
    const attention_shape shape, TENSORS_AND_LISTS, local real *scratch)
{
    FIND_TENSORS
    const global int *load_col_idx = LIST(const int, columns), *load_part_idx = LIST(const int, part_tiles);
    const int strips = shape.tile_rows / ROWS;
    const int strip = (int)get_group_id(0) % strips;
    const global int *item = LIST(const int, items) + (get_group_id(0) / strips) * 8;
    const int batch = item[0], head = item[1], tile_row = item[2], part = item[5];
    const int query = tile_row * shape.tile_rows + strip * ROWS;
    const int size = shape.head_size;
    const int key_step = (size + LANES - 1) / LANES, value_step = (shape.value_size + LANES - 1) / LANES;
    if (query >= shape.queries && part < 0)
    {
        return;
    }

    const int kv_head = head / shape.heads_per_kv_head;
    const global element *q_rows = inputs + shape.q_start + batch * shape.q_batch + head * shape.q_head + query * shape.q_row;
    const global element *k_rows = inputs + shape.k_start + batch * shape.k_batch + kv_head * shape.k_head;
    const global element *v_rows = inputs + shape.v_start + batch * shape.v_batch + kv_head * shape.v_head;

    // D and Dv rounded up to vectors: queries [D][VECTORS], output [Dv][VECTORS], scores [BN][VECTORS]; along the rows, keys [BN][D / LANES] and values [BN][Dv / LANES].
    local real *queries = scratch;
    local real *output = queries + key_step * LANES * VECTORS;
    local real *scores = output + value_step * LANES * VECTORS;
    local real *keys = scores + shape.tile_columns * VECTORS;
    local real *values = keys + shape.tile_columns * key_step;

    ROLLED
    for (int r = 0; r < ROWS; r++)
    {
        ROLLED
        for (int d = 0; d < size; d += LANES)
        {
            const real x = load_some(q_rows + r * shape.q_row, d, query + r < shape.queries ? size - d : 0);
            for (int lane = 0; lane < LANES; lane++)
            {
                ((local float *)queries)[(d + lane) * ROWS + r] = ((const float *)&x)[lane];
            }
        }
    }

    ROLLED
    for (int i = 0; i < value_step * LANES * VECTORS; i++)
    {
        output[i] = 0.0f;
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
        const int first_key = load_col_idx[entry] * shape.tile_columns;
        const int part_tile = load_part_idx[entry];
        const global ulong *words = LIST(const ulong, bits) + (long)part_tile * (shape.tile_rows / 8) * (shape.tile_columns / 8);
        real top[VECTORS];
        for (int n = 0; n < VECTORS; n++)
        {
            top[n] = m[n];
        }

        int group_count = 0;
        for (int g = 0; g < shape.tile_columns / GROUP; g++)
        {
            uint bits[GROUP];
            uint every = ALL_ROWS;
            if (part_tile >= 0)
            {
                const uint any = group_bits(words, (shape.tile_rows / 8) * g + strip * (ROWS / 8), bits, &every);
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
            group_count++;
            local real *group_scores = scores + at * VECTORS;
            const local float *group_keys = (const local float *)(keys + at * key_step);
            ROLLED // the compiler writes what is called out: once for both
            for (int i = 0; i < 2; i++)
            {
                stage_rows(
                    i ? v_rows : k_rows, i ? shape.v_row : shape.k_row, key, shape.keys, i ? shape.value_size : size,
                    i ? values + at * value_step : keys + at * key_step);
            }

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
                    lanes[n] = queries[d * VECTORS + n];
                }

                #pragma unroll
                for (int j = 0; j < GROUP; j++)
                {
                    const real broadcast = (real)group_keys[j * key_step * LANES + d];
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
                    group_scores[j * VECTORS + n] = s[j][n];
                }
            }

            for (int j = 0; j < GROUP; j++)
            {
                for (int n = 0; n < VECTORS; n++)
                {
#if BIAS != BIAS_NONE
                    const real b = bias_of_lanes(LIST(const float, bias), LIST(const int, bias_origins), shape, batch, head, query + n * LANES, key + j);
#else
                    const real b = 0.0f;
#endif
                    real score = finish_score(group_scores[j * VECTORS + n], b, shape.scale, shape.cap, shape.inverse_cap);
                    if (every != ALL_ROWS)
                    {
                        score = masked(score, bits[j], n);
                    }

                    top[n] = larger(top[n], score);
                    group_scores[j * VECTORS + n] = score;
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
                const real p = exp2_of(scores[j * VECTORS + n] - base);
                scores[j * VECTORS + n] = p;
                sum += p;
            }

            l[n] = sum;
            m[n] = top[n];
        }

        for (int d = 0; d < shape.value_size; d += GROUP)
        {
            local real *columns = output + d * VECTORS;
            real sum[GROUP][VECTORS];
            #pragma unroll
            for (int j = 0; j < GROUP; j++)
            {
                #pragma unroll
                for (int n = 0; n < VECTORS; n++)
                {
                    sum[j][n] = columns[j * VECTORS + n] * shrink[n];
                }
            }

            for (int i = 0; i < key_count; i++)
            {
                const local float *row = (const local float *)(values + i * value_step) + d;
                real p[VECTORS];
                #pragma unroll
                for (int n = 0; n < VECTORS; n++)
                {
                    p[n] = scores[i * VECTORS + n];
                }

                #pragma unroll
                for (int j = 0; j < GROUP; j++)
                {
                    const real broadcast = (real)row[j];
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
                    columns[j * VECTORS + n] = sum[j][n];
                }
            }
        }
    }

    const float *row_m = (const float *)m, *row_l = (const float *)l;
    ROLLED
    for (int r = 0; r < ROWS; r++)
    {
        const int row_seen = (seen >> r) & 1;
        const local float *column = (const local float *)output + r;
        if (part >= 0)
        {
            // State (part, row): m, l, seen, o.
            global float *state = LIST(float, states) + ((long)part * shape.tile_rows + strip * ROWS + r) * (3 + shape.value_size);
            state[0] = row_m[r];
            state[1] = row_l[r];
            state[2] = (float)row_seen;
            ROLLED
            for (int d = 0; d < shape.value_size; d++)
            {
                state[3 + d] = column[d * ROWS];
            }

            continue;
        }
        if (query + r >= shape.queries)
        {
            break;
        }

        float log_sum_exp;
        const float factor = finish_row(row_m[r], row_l[r], row_seen, shape.has_sinks, shape.has_sinks ? LIST(const float, sinks)[head] : 0.0f, &log_sum_exp);
        global element *target = o + shape.o_start + batch * shape.o_batch + head * shape.o_head + (query + r) * shape.o_row;
        ROLLED
        for (int d = 0; d < shape.value_size; d += LANES)
        {
            real x = 0.0f;
            for (int lane = 0; lane < LANES && row_seen; lane++)
            {
                ((float *)&x)[lane] = column[(d + lane) * ROWS] * factor;
            }

            store_some(target, d, x, shape.value_size - d);
        }

        if (shape.has_lse)
        {
            LIST(float, log_sum_exp)[((long)batch * shape.heads + head) * shape.queries + query + r] = log_sum_exp;
        }
    }
}
