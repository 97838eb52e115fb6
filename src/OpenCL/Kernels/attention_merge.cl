// Merges the states of key ranges in ascending order: (m1, l1, o1) + (m2, l2, o2) + ... A work-group merges one row. Source: Flash-Decoding (Dao
// et al. 2023). A range that has seen no key is the identity.
//
// Parameters: ROW_ITEMS (work-items of a group), and those of attention.cl.

#include "attention.cl"

kernel __attribute__((reqd_work_group_size(ROW_ITEMS, 1, 1))) void attention_merge(
    const attention_shape shape, TENSORS_AND_LISTS)
{
    FIND_TENSORS
    const global float *states = LIST(const float, states);
    const int tile_rows = shape.tile_rows;
    const global int *item = LIST(const int, cuts) + get_group_id(0) / tile_rows * 8;
    const int row = (int)(get_group_id(0) % tile_rows);
    const int batch = item[0], head = item[1], query = item[2] * tile_rows + row, first = item[3], parts = item[4];
    if (query >= shape.queries)
    {
        return;
    }

    const int size = 3 + shape.value_size;
    float m = -INFINITY, l = 0.0f;
    int seen = 0;
    for (int part = first; part < first + parts; part++)
    {
        const global float *state = states + ((long)part * tile_rows + row) * size;
        if (state[2] != 0.0f)
        {
            m = state[0] > m ? state[0] : m;
            seen = 1;
        }
    }

    const float base = m == -INFINITY ? 0.0f : m;
    for (int part = first; part < first + parts; part++)
    {
        const global float *state = states + ((long)part * tile_rows + row) * size;
        if (state[2] != 0.0f)
        {
            l += state[1] * exp2(state[0] - base);
        }
    }

    float log_sum_exp;
    const float factor = finish_row(m, l, seen, shape.has_sinks, shape.has_sinks ? LIST(const float, sinks)[head] : 0.0f, &log_sum_exp);
    global element *target = o + shape.o_start + batch * shape.o_batch + head * shape.o_head + query * shape.o_row;
    for (int d = get_local_id(0); d < shape.value_size; d += ROW_ITEMS)
    {
        float sum = 0.0f;
        for (int part = first; part < first + parts; part++)
        {
            const global float *state = states + ((long)part * tile_rows + row) * size;
            if (state[2] != 0.0f)
            {
                sum += state[3 + d] * exp2(state[0] - base);
            }
        }

        store_one(target, d, seen ? sum * factor : 0.0f);
    }

    if (shape.has_lse && get_local_id(0) == 0)
    {
        LIST(float, log_sum_exp)[((long)batch * shape.heads + head) * shape.queries + query] = log_sum_exp;
    }
}
