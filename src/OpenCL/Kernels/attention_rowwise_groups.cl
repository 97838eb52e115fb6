// Row-wise attention for GPUs: a work-group of TILE work-items computes one query (or one range of its tiles) and reads allowed keys only. Of a
// tile's 64 keys each work-item takes one that the query may see, multiplies it, and then all walk the weights together, a column of O each.
//
// Parameters: VALUE_STEPS (columns of O a work-item holds), and those of attention.cl. Tiles are 64 x 64.

#include "attention.cl"

#define TILE 64
#define GROUP TILE

#include "work_group.cl"

kernel __attribute__((reqd_work_group_size(TILE, 1, 1))) void attention_rowwise(
    const attention_shape shape, TENSORS_AND_LISTS, local float *scratch)
{
    FIND_TENSORS
    const global int *load_col_idx = LIST(const int, columns), *load_part_idx = LIST(const int, part_tiles);
    const global int *item = LIST(const int, items) + (get_group_id(0) / TILE) * 8;
    const int row = (int)(get_group_id(0) % TILE), me = get_local_id(0);
    const int batch = item[0], head = item[1], query = item[2] * TILE + row, part = item[5];
    const int is_inside = query < shape.queries;
    if (!is_inside && part < 0)
    {
        return;
    }

    const int kv_head = head / shape.heads_per_kv_head;
    const global element *q_row = inputs + shape.q_start + batch * shape.q_batch + head * shape.q_head + query * shape.q_row;
    const global element *k_rows = inputs + shape.k_start + batch * shape.k_batch + kv_head * shape.k_head;
    const global element *v_rows = inputs + shape.v_start + batch * shape.v_batch + kv_head * shape.v_head;
    local float *queries = scratch;
    local float *scores = queries + shape.head_size;
    local int *list = (local int *)(scores + TILE);
    for (int d = me; d < shape.head_size; d += TILE)
    {
        queries[d] = is_inside ? load_one(q_row, d) : 0.0f;
    }

    float m = -INFINITY, l = 0.0f, output[VALUE_STEPS];
    int seen = 0;
    for (int i = 0; i < VALUE_STEPS; i++)
    {
        output[i] = 0.0f;
    }

    for (int entry = item[3]; entry < (is_inside ? item[4] : item[3]); entry++)
    {
        const int part_tile = load_part_idx[entry];
        const ulong bits = part_tile < 0 ? ~0ul : bits_of_row(LIST(const ulong, bits) + (long)part_tile * 64, row);
        if (bits == 0)
        {
            continue; // the same for the whole group
        }

        const int count = (int)popcount(bits);
        seen = 1;
        barrier(CLK_LOCAL_MEM_FENCE); // the tile before is used
        if ((bits >> me) & 1ul)
        {
            list[(int)popcount(bits & ((1ul << me) - 1ul))] = load_col_idx[entry] * TILE + me;
        }

        barrier(CLK_LOCAL_MEM_FENCE);
        float score = -INFINITY;
        if (me < count)
        {
            const int key = list[me];
            const global element *k_row = k_rows + key * shape.k_row;
            float sum = 0.0f;
            for (int d = 0; d < shape.head_size; d++)
            {
                sum += queries[d] * load_one(k_row, d);
            }

            score = finish_score(sum, bias_at(LIST(const float, bias), LIST(const int, bias_origins), shape, batch, head, query, key), shape.scale, shape.cap, shape.inverse_cap);
        }

#if SUB_GROUPS == SUB_GROUPS_NONE
        // Few keys are often all: a walk over them is shorter than a tree.
        scores[me] = score;
        barrier(CLK_LOCAL_MEM_FENCE);
        float top = m;
        for (int j = 0; j < count; j++)
        {
            top = scores[j] > top ? scores[j] : top;
        }

        const float base = exponent_base(top);
        const float shrink = exp2_of(m - base);
        barrier(CLK_LOCAL_MEM_FENCE); // every maximum is taken
        scores[me] = exp2_of(score - base);
        barrier(CLK_LOCAL_MEM_FENCE);
        l *= shrink;
        for (int j = 0; j < count; j++)
        {
            l += scores[j];
        }
#else
        local float *places = (local float *)(list + TILE);
        const float top = larger(m, group_max(score, places));
        const float base = exponent_base(top);
        const float shrink = exp2_of(m - base);
        const float weight = exp2_of(score - base);
        scores[me] = weight;
        l = l * shrink + group_sum(weight, places); // whose barriers show the weights
#endif
        m = top;

        for (int i = 0; i < VALUE_STEPS; i++)
        {
            const int d = me + TILE * i;
            if (d < shape.value_size)
            {
                float sum = output[i] * shrink;
                for (int j = 0; j < count; j++)
                {
                    sum += scores[j] * load_one(v_rows + list[j] * shape.v_row, d);
                }

                output[i] = sum;
            }
        }
    }

    if (part >= 0)
    {
        global float *state = LIST(float, states) + ((long)part * TILE + row) * (3 + shape.value_size);
        if (me == 0)
        {
            state[0] = m;
            state[1] = l;
            state[2] = (float)seen;
        }

        for (int i = 0; i < VALUE_STEPS; i++)
        {
            if (me + TILE * i < shape.value_size)
            {
                state[3 + me + TILE * i] = output[i];
            }
        }

        return;
    }

    float log_sum_exp;
    const float factor = finish_row(m, l, seen, shape.has_sinks, shape.has_sinks ? LIST(const float, sinks)[head] : 0.0f, &log_sum_exp);
    global element *target = o + shape.o_start + batch * shape.o_batch + head * shape.o_head + query * shape.o_row;
    for (int i = 0; i < VALUE_STEPS; i++)
    {
        if (me + TILE * i < shape.value_size)
        {
            store_one(target, me + TILE * i, seen ? output[i] * factor : 0.0f);
        }
    }

    if (shape.has_lse && me == 0)
    {
        LIST(float, log_sum_exp)[((long)batch * shape.heads + head) * shape.queries + query] = log_sum_exp;
    }
}
