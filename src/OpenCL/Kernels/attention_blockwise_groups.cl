// Block-wise attention for GPUs: a work-group of 16 x GROUP_Y work-items computes TILE_Q queries over the loaded tiles of its tile row. Q stays in
// local memory, K and V take turns in another part of it, scores go through a third. A work-item holds TILE_Q / GROUP_Y rows by TILE_K / 16 columns
// of a tile's scores, and as many rows by VALUES columns of O. Full tiles are not masked.
//
// Parameters: TILE_Q, TILE_K, GROUP_Y, VALUES (columns of O a work-item holds), and those of attention.cl.

#include "attention.cl"

#define GROUP_X 16
#define ROWS (TILE_Q / GROUP_Y)
#define COLUMNS (TILE_K / GROUP_X)
#define VALUE_PAD (VALUES * GROUP_X)
#define P_STRIDE (TILE_K + 1)
#define SUM_STRIDE (GROUP_X + 1)

// Rows of a tensor into local memory, zeros beyond the last row and the last column.
void stage(const global element *rows, long stride, int first, int limit, int count, int size, int padded, int local_stride, local float *to)
{
    for (int i = get_local_id(0); i < count * padded; i += GROUP_X * GROUP_Y)
    {
        const int r = i / padded, d = i % padded;
        to[r * local_stride + d] = first + r < limit && d < size ? load_one(rows + (first + r) * stride, d) : 0.0f;
    }
}

kernel __attribute__((reqd_work_group_size(GROUP_X * GROUP_Y, 1, 1))) void attention_blockwise(
    const attention_shape shape, TENSORS_AND_LISTS, local float *scratch)
{
    FIND_TENSORS
    const global int *load_col_idx = LIST(const int, columns), *load_part_idx = LIST(const int, part_tiles);
    const global int *item = LIST(const int, items) + get_group_id(0) * 8;
    const int batch = item[0], head = item[1], first_query = item[2] * TILE_Q, part = item[5];
    const int kv_head = head / shape.heads_per_kv_head;
    const int tx = get_local_id(0) % GROUP_X, ty = get_local_id(0) / GROUP_X;
    const global element *k_rows = inputs + shape.k_start + batch * shape.k_batch + kv_head * shape.k_head;
    const global element *v_rows = inputs + shape.v_start + batch * shape.v_batch + kv_head * shape.v_head;
    const int q_stride = shape.head_size + 1;
    const int kv_stride = max(shape.head_size, VALUE_PAD) + 1;
    local float *queries = scratch;
    local float *keys = queries + TILE_Q * q_stride;
    local float *weights = keys + TILE_K * kv_stride;
    local float *maxima = weights + TILE_Q * P_STRIDE;
    local float *sums = maxima + TILE_Q * SUM_STRIDE;
    local float *any = sums + TILE_Q * SUM_STRIDE;

    stage(inputs + shape.q_start + batch * shape.q_batch + head * shape.q_head, shape.q_row, first_query, shape.queries, TILE_Q, shape.head_size, shape.head_size, q_stride, queries);

    float m[ROWS], l[ROWS], output[ROWS][VALUES];
    int seen[ROWS];
    for (int i = 0; i < ROWS; i++)
    {
        m[i] = -INFINITY;
        l[i] = 0.0f;
        seen[i] = 0;
        for (int j = 0; j < VALUES; j++)
        {
            output[i][j] = 0.0f;
        }
    }

    for (int entry = item[3]; entry < item[4]; entry++)
    {
        const int first_key = load_col_idx[entry] * TILE_K;
        const int part_tile = load_part_idx[entry];
        const global ulong *words = LIST(const ulong, bits) + (long)part_tile * (TILE_Q / 8) * (TILE_K / 8);

        barrier(CLK_LOCAL_MEM_FENCE); // the values of the tile before are used
        stage(k_rows, shape.k_row, first_key, shape.keys, TILE_K, shape.head_size, shape.head_size, kv_stride, keys);
        barrier(CLK_LOCAL_MEM_FENCE);

        float s[ROWS][COLUMNS];
        for (int i = 0; i < ROWS; i++)
        {
            for (int j = 0; j < COLUMNS; j++)
            {
                s[i][j] = 0.0f;
            }
        }

        for (int d = 0; d < shape.head_size; d++)
        {
            float a[ROWS], b[COLUMNS];
            for (int i = 0; i < ROWS; i++)
            {
                a[i] = queries[(ty + GROUP_Y * i) * q_stride + d];
            }

            for (int j = 0; j < COLUMNS; j++)
            {
                b[j] = keys[(tx + GROUP_X * j) * kv_stride + d];
            }

            for (int i = 0; i < ROWS; i++)
            {
                for (int j = 0; j < COLUMNS; j++)
                {
                    s[i][j] += a[i] * b[j];
                }
            }
        }

        for (int i = 0; i < ROWS; i++)
        {
            const int row = ty + GROUP_Y * i;
            float top = -INFINITY;
            int sees = 0;
            for (int j = 0; j < COLUMNS; j++)
            {
                const int column = tx + GROUP_X * j;
                const int is_allowed = part_tile < 0
                    || ((words[(TILE_Q / 8) * (column / 8) + row / 8] >> (8 * (row % 8) + column % 8)) & 1ul) != 0;
                float b = 0.0f;
#if BIAS != BIAS_NONE
                if (is_allowed)
                {
                    b = bias_at(LIST(const float, bias), LIST(const int, bias_origins), shape, batch, head, first_query + row, first_key + column);
                }
#endif
                s[i][j] = is_allowed ? finish_score(s[i][j], b, shape.scale, shape.cap, shape.inverse_cap) : -INFINITY;
                top = s[i][j] > top ? s[i][j] : top;
                sees |= is_allowed;
            }

            maxima[row * SUM_STRIDE + tx] = top;
            any[row * SUM_STRIDE + tx] = (float)sees;
        }

        barrier(CLK_LOCAL_MEM_FENCE); // maxima are there, keys are used
        stage(v_rows, shape.v_row, first_key, shape.keys, TILE_K, shape.value_size, VALUE_PAD, kv_stride, keys);
        for (int i = 0; i < ROWS; i++)
        {
            const int row = ty + GROUP_Y * i;
            float top = m[i];
            float sees = 0.0f;
            for (int x = 0; x < GROUP_X; x++)
            {
                const float other = maxima[row * SUM_STRIDE + x];
                top = other > top ? other : top;
                sees += any[row * SUM_STRIDE + x];
            }

            seen[i] |= sees > 0.0f;
            const float base = top == -INFINITY ? 0.0f : top;
            const float shrink = exp2_of(m[i] - base);
            float sum = 0.0f;
            for (int j = 0; j < COLUMNS; j++)
            {
                const float p = exp2_of(s[i][j] - base);
                weights[row * P_STRIDE + tx + GROUP_X * j] = p;
                sum += p;
            }

            sums[row * SUM_STRIDE + tx] = sum;
            m[i] = top;
            l[i] *= shrink;
            for (int j = 0; j < VALUES; j++)
            {
                output[i][j] *= shrink;
            }
        }

        barrier(CLK_LOCAL_MEM_FENCE); // weights, sums and values are there
        for (int i = 0; i < ROWS; i++)
        {
            const int row = ty + GROUP_Y * i;
            for (int x = 0; x < GROUP_X; x++)
            {
                l[i] += sums[row * SUM_STRIDE + x];
            }
        }

        for (int c = 0; c < TILE_K; c++)
        {
            float b[VALUES];
            for (int j = 0; j < VALUES; j++)
            {
                b[j] = keys[c * kv_stride + tx + GROUP_X * j];
            }

            for (int i = 0; i < ROWS; i++)
            {
                const float p = weights[(ty + GROUP_Y * i) * P_STRIDE + c];
                for (int j = 0; j < VALUES; j++)
                {
                    output[i][j] += p * b[j];
                }
            }
        }
    }

    for (int i = 0; i < ROWS; i++)
    {
        const int row = ty + GROUP_Y * i;
        const int query = first_query + row;
        if (part >= 0)
        {
            global float *state = LIST(float, states) + ((long)part * TILE_Q + row) * (3 + shape.value_size);
            if (tx == 0)
            {
                state[0] = m[i];
                state[1] = l[i];
                state[2] = (float)seen[i];
            }

            for (int j = 0; j < VALUES; j++)
            {
                if (tx + GROUP_X * j < shape.value_size)
                {
                    state[3 + tx + GROUP_X * j] = output[i][j];
                }
            }

            continue;
        }
        if (query >= shape.queries)
        {
            continue;
        }

        float log_sum_exp;
        const float factor = finish_row(m[i], l[i], seen[i], shape.has_sinks, shape.has_sinks ? LIST(const float, sinks)[head] : 0.0f, &log_sum_exp);
        global element *target = o + shape.o_start + batch * shape.o_batch + head * shape.o_head + query * shape.o_row;
        for (int j = 0; j < VALUES; j++)
        {
            if (tx + GROUP_X * j < shape.value_size)
            {
                store_one(target, tx + GROUP_X * j, seen[i] ? output[i][j] * factor : 0.0f);
            }
        }

        if (shape.has_lse && tx == 0)
        {
            LIST(float, log_sum_exp)[((long)batch * shape.heads + head) * shape.queries + query] = log_sum_exp;
        }
    }
}
