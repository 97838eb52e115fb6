// Row-wise attention for processors: one work-item computes one query (or one range of its tiles) and reads allowed keys only. Up to GROUP keys
// are gathered, multiplied with the query a vector of LANES elements at a time, and their scores reduced together.
//
// Parameters: those of attention.cl. Tiles are 64 x 64.

#include "attention.cl"

#define GROUP LANES
#define TILE 64

kernel void attention_rowwise(
    const attention_shape shape, TENSORS_AND_LISTS, local real *scratch)
{
    FIND_TENSORS
    const global int *load_col_idx = LIST(const int, columns), *load_part_idx = LIST(const int, part_tiles);
    const global int *item = LIST(const int, items) + (get_group_id(0) / TILE) * 8;
    const int row = (int)(get_group_id(0) % TILE);
    const int batch = item[0], head = item[1], query = item[2] * TILE + row, part = item[5];
    const int size = shape.head_size, value_size = shape.value_size;
    const int is_inside = query < shape.queries;
    if (!is_inside && part < 0)
    {
        return;
    }

    const int kv_head = head / shape.heads_per_kv_head;
    const global element *q_row = inputs + shape.q_start + batch * shape.q_batch + head * shape.q_head + query * shape.q_row;
    const global element *k_rows = inputs + shape.k_start + batch * shape.k_batch + kv_head * shape.k_head;
    const global element *v_rows = inputs + shape.v_start + batch * shape.v_batch + kv_head * shape.v_head;
    const int size_vectors = (size + LANES - 1) / LANES, value_vectors = (value_size + LANES - 1) / LANES;
    local real *queries = scratch;
    local real *output = scratch + size_vectors;
    for (int i = 0; i < size_vectors; i++)
    {
        queries[i] = load_some(q_row, i * LANES, is_inside ? size - i * LANES : 0);
    }

    for (int i = 0; i < value_vectors; i++)
    {
        output[i] = 0.0f;
    }

    float m = -INFINITY, l = 0.0f;
    int seen = 0;
    for (int entry = item[3]; entry < (is_inside ? item[4] : item[3]); entry++)
    {
        const int first_key = load_col_idx[entry] * TILE;
        const int part_tile = load_part_idx[entry];
        ulong bits = part_tile < 0 ? ~0ul : bits_of_row(LIST(const ulong, bits) + (long)part_tile * 64, row);
        while (bits != 0)
        {
            int keys[GROUP];
            int count = 0;
            while (bits != 0 && count < GROUP)
            {
                const int bit = 63 - (int)clz(bits & (0ul - bits));
                bits &= bits - 1ul;
                keys[count++] = first_key + bit;
            }

            seen = 1;
            real scores = 0.0f, biases = 0.0f;
            ROLLED
            for (int j = 0; j < count; j++)
            {
                const global element *k_row = k_rows + keys[j] * shape.k_row;
                real sum = 0.0f;
                for (int i = 0; i < size / LANES; i++)
                {
                    sum += queries[i] * load_reals(k_row, i * LANES);
                }

                if (size % LANES != 0)
                {
                    sum += queries[size / LANES] * load_some(k_row, size / LANES * LANES, size % LANES);
                }

                ((float *)&scores)[j] = sum_of(sum);
                ((float *)&biases)[j] = bias_at(LIST(const float, bias), LIST(const int, bias_origins), shape, batch, head, query, keys[j]);
            }

            const real s = finish_score(scores, biases, shape.scale, shape.cap, shape.inverse_cap);
            float top = m;
            ROLLED
            for (int j = 0; j < count; j++)
            {
                const float score = ((const float *)&s)[j];
                top = score > top ? score : top;
            }

            const float base = top == -INFINITY ? 0.0f : top;
            const real weights = exp2_of(s - base);
            const float shrink = exp2(m - base);
            l *= shrink;
            ROLLED
            for (int j = 0; j < count; j++)
            {
                l += ((const float *)&weights)[j];
            }

            m = top;
            for (int i = 0; i < value_vectors; i++)
            {
                real sum = output[i] * shrink;
                ROLLED
                for (int j = 0; j < count; j++)
                {
                    sum += ((const float *)&weights)[j] * load_some(v_rows + keys[j] * shape.v_row, i * LANES, value_size - i * LANES);
                }

                output[i] = sum;
            }
        }
    }

    if (part >= 0)
    {
        global float *state = LIST(float, states) + ((long)part * TILE + row) * (3 + value_size);
        state[0] = m;
        state[1] = l;
        state[2] = (float)seen;
        ROLLED
        for (int d = 0; d < value_size; d++)
        {
            state[3 + d] = ((const local float *)output)[d];
        }

        return;
    }

    float log_sum_exp;
    const float factor = finish_row(m, l, seen, shape.has_sinks, shape.has_sinks ? LIST(const float, sinks)[head] : 0.0f, &log_sum_exp);
    global element *target = o + shape.o_start + batch * shape.o_batch + head * shape.o_head + query * shape.o_row;
    for (int i = 0; i < value_vectors; i++)
    {
        store_some(target, i * LANES, seen ? output[i] * factor : (real)0.0f, value_size - i * LANES);
    }

    if (shape.has_lse)
    {
        LIST(float, log_sum_exp)[((long)batch * shape.heads + head) * shape.queries + query] = log_sum_exp;
    }
}
