// Block-wise attention on matrix units: a work-group of four warps computes 64 queries, sixteen a warp, over the loaded 64 x 64 tiles of its tile
// row. Q stays in registers as A fragments; K lies in local memory as rows, V as pairs of neighbouring keys, so that every B fragment is one word;
// scores turn into weights where they are, rounded to 16 bits for the second product. Rows of words are padded by four words: no bank conflicts.
// The next tile is read from memory while this one is computed.
//
// Parameters: HEAD_STEPS (D / 16), VALUE_TILES (Dv / 8, even), IS_PREFETCHED, IS_EMULATED, WARPS (4), and those of attention.cl.

#include "attention.cl"
#include "matrix_units.cl"

#define TILE 64
#define ITEMS (32 * WARPS)
#define HEAD (16 * HEAD_STEPS)
#define VALUE (8 * VALUE_TILES)
#define KEY_TILES (TILE / 8)

// Words: a row of K is HEAD / 2 of them, a pair of rows of V is VALUE.
#define K_STRIDE (HEAD / 2 + 4)
#define V_STRIDE (VALUE + 8)

// Sixteen bytes at a time, spread over the work-items.
#define K_LOADS (TILE * HEAD / 8 / ITEMS)
#define V_PIECES (TILE / 2 * VALUE / 8)
#define V_LOADS ((V_PIECES + ITEMS - 1) / ITEMS)

uint4 load_eight(const global element *rows, long stride, int row, int limit, int column)
{
    return row < limit ? *(const global uint4 *)(rows + row * stride + column) : (uint4)0u;
}

kernel __attribute__((reqd_work_group_size(ITEMS, 1, 1))) void attention_blockwise(
    const attention_shape shape,
    const global element *q, const global element *k, const global element *v, global element *o, global float *lse,
    const global int *items, const global int *load_col_idx, const global int *load_part_idx, const global ulong *bitmaps,
    const int tile_rows, const int tile_columns,
    const global float *bias, const global int *bias_origins, const global float *sinks,
    global float *states,
    local float *scratch)
{
    local uint k_words[TILE * K_STRIDE], v_words[TILE / 2 * V_STRIDE], exchange[EMULATION_WORDS];
    const global int *item = items + get_group_id(0) * 8;
    const int batch = item[0], head = item[1], first_query = item[2] * TILE, first = item[3], end = item[4], part = item[5];
    const int kv_head = head / shape.heads_per_kv_head;
    const int me = get_local_id(0), warp = me / 32, g = me % 32 / 4, t = me % 4;
    const global element *q_rows = q + shape.q_start + batch * shape.q_batch + head * shape.q_head;
    const global element *k_rows = k + shape.k_start + batch * shape.k_batch + kv_head * shape.k_head;
    const global element *v_rows = v + shape.v_start + batch * shape.v_batch + kv_head * shape.v_head;

    uint queries[HEAD_STEPS][4];
    UNROLL
    for (int step = 0; step < HEAD_STEPS; step++)
    {
        UNROLL
        for (int r = 0; r < 4; r++)
        {
            const int row = first_query + 16 * warp + g + 8 * (r & 1);
            const int column = 16 * step + 2 * t + 8 * (r >> 1);
            queries[step][r] = row < shape.queries ? *(const global uint *)(q_rows + row * shape.q_row + column) : 0u;
        }
    }

    float output[VALUE_TILES][4], m[2], l[2];
    int seen[2];
    UNROLL
    for (int half_row = 0; half_row < 2; half_row++)
    {
        m[half_row] = -INFINITY;
        l[half_row] = 0.0f;
        seen[half_row] = 0;
    }

    UNROLL
    for (int n = 0; n < VALUE_TILES; n++)
    {
        UNROLL
        for (int r = 0; r < 4; r++)
        {
            output[n][r] = 0.0f;
        }
    }

    uint4 k_next[K_LOADS], v_even[V_LOADS], v_odd[V_LOADS];
    for (int entry = IS_PREFETCHED ? first - 1 : first; entry < end; entry++)
    {
        // With prefetching the walk starts one entry early, and only reads.
        const int is_read = IS_PREFETCHED ? entry + 1 < end : 1;
        const int is_used = IS_PREFETCHED ? entry >= first : 1;
        barrier(CLK_LOCAL_MEM_FENCE); // the tile before is used
        for (int pass = 0; pass < 2; pass++)
        {
            // Prefetched: first what was read goes to local memory, then the next is read. Else: read, then stored.
            if (IS_PREFETCHED ? pass == 0 && is_used : pass == 1)
            {
                UNROLL
                for (int i = 0; i < K_LOADS; i++)
                {
                    const int at = me + ITEMS * i;
                    vstore4(k_next[i], 0, k_words + at / (HEAD / 8) * K_STRIDE + at % (HEAD / 8) * 4);
                }

                UNROLL
                for (int i = 0; i < V_LOADS; i++)
                {
                    const int at = me + ITEMS * i;
                    if (V_PIECES % ITEMS != 0 && at >= V_PIECES)
                    {
                        continue;
                    }

                    local uint *to = v_words + at / (VALUE / 8) * V_STRIDE + at % (VALUE / 8) * 8;
                    const uint4 a = v_even[i], b = v_odd[i];
                    const uint4 low = (a & 0xffffu) | (b << 16), high = (a >> 16) | (b & 0xffff0000u);
                    vstore4((uint4)(low.x, high.x, low.y, high.y), 0, to);
                    vstore4((uint4)(low.z, high.z, low.w, high.w), 1, to);
                }
            }

            if (IS_PREFETCHED ? pass == 1 && is_read : pass == 0)
            {
                const int first_key = load_col_idx[IS_PREFETCHED ? entry + 1 : entry] * TILE;
                UNROLL
                for (int i = 0; i < K_LOADS; i++)
                {
                    const int at = me + ITEMS * i;
                    k_next[i] = load_eight(k_rows, shape.k_row, first_key + at / (HEAD / 8), shape.keys, at % (HEAD / 8) * 8);
                }

                UNROLL
                for (int i = 0; i < V_LOADS; i++)
                {
                    const int at = min(me + ITEMS * i, V_PIECES - 1);
                    const int key = first_key + at / (VALUE / 8) * 2, column = at % (VALUE / 8) * 8;
                    v_even[i] = load_eight(v_rows, shape.v_row, key, shape.keys, column);
                    v_odd[i] = load_eight(v_rows, shape.v_row, key + 1, shape.keys, column);
                }
            }
        }

        barrier(CLK_LOCAL_MEM_FENCE); // this tile is there
        if (!is_used)
        {
            continue;
        }

        float s[KEY_TILES][4];
        UNROLL
        for (int n = 0; n < KEY_TILES; n++)
        {
            UNROLL
            for (int r = 0; r < 4; r++)
            {
                s[n][r] = 0.0f;
            }

            UNROLL
            for (int step = 0; step < HEAD_STEPS; step++)
            {
                const local uint *row = k_words + (8 * n + g) * K_STRIDE + 8 * step + t;
                uint b[2];
                b[0] = row[0];
                b[1] = row[4];
                multiply_add(s[n], queries[step], b, exchange);
            }
        }

        const int part_tile = load_part_idx[entry];
        const int first_key = load_col_idx[entry] * TILE;
        const global ulong *words = bitmaps + (long)part_tile * 64 + 2 * warp;
        float top[2];
        top[0] = m[0];
        top[1] = m[1];
        UNROLL
        for (int n = 0; n < KEY_TILES; n++)
        {
            UNROLL
            for (int half_row = 0; half_row < 2; half_row++)
            {
                const uint bits = part_tile < 0 ? 3u : (uint)(words[8 * n + half_row] >> (8 * g + 2 * t)) & 3u;
                seen[half_row] |= bits != 0;
                UNROLL
                for (int j = 0; j < 2; j++)
                {
                    const int query = first_query + 16 * warp + g + 8 * half_row, key = first_key + 8 * n + 2 * t + j;
                    float b = 0.0f;
#if BIAS != BIAS_NONE
                    if ((bits >> j) & 1u)
                    {
                        b = bias_at(bias, bias_origins, shape, batch, head, query, key);
                    }
#endif
                    const float score = finish_score(s[n][2 * half_row + j], b, shape.scale, shape.cap, shape.inverse_cap);
                    const float x = (bits >> j) & 1u ? score : -INFINITY;
                    s[n][2 * half_row + j] = x;
                    top[half_row] = x > top[half_row] ? x : top[half_row];
                }
            }
        }

        float shrink[2];
        UNROLL
        for (int half_row = 0; half_row < 2; half_row++)
        {
            float other = shuffle_xor(top[half_row], 1, exchange);
            top[half_row] = other > top[half_row] ? other : top[half_row];
            other = shuffle_xor(top[half_row], 2, exchange);
            top[half_row] = other > top[half_row] ? other : top[half_row];
            const float base = top[half_row] == -INFINITY ? 0.0f : top[half_row];
            shrink[half_row] = exp2_of(m[half_row] - base);
            l[half_row] *= shrink[half_row];
            m[half_row] = top[half_row];
            UNROLL
            for (int n = 0; n < KEY_TILES; n++)
            {
                UNROLL
                for (int j = 0; j < 2; j++)
                {
                    const float p = exp2_of(s[n][2 * half_row + j] - base);
                    s[n][2 * half_row + j] = p;
                    l[half_row] += p;
                }
            }
        }

        UNROLL
        for (int n = 0; n < VALUE_TILES; n++)
        {
            output[n][0] *= shrink[0];
            output[n][1] *= shrink[0];
            output[n][2] *= shrink[1];
            output[n][3] *= shrink[1];
        }

        UNROLL
        for (int step = 0; step < TILE / 16; step++)
        {
            uint a[4];
            a[0] = pack_pair(s[2 * step][0], s[2 * step][1]);
            a[1] = pack_pair(s[2 * step][2], s[2 * step][3]);
            a[2] = pack_pair(s[2 * step + 1][0], s[2 * step + 1][1]);
            a[3] = pack_pair(s[2 * step + 1][2], s[2 * step + 1][3]);
            UNROLL
            for (int n = 0; n < VALUE_TILES; n++)
            {
                const local uint *column = v_words + (8 * step + t) * V_STRIDE + 8 * n + g;
                uint b[2];
                b[0] = column[0];
                b[1] = column[4 * V_STRIDE];
                multiply_add(output[n], a, b, exchange);
            }
        }
    }

    // Sums and flags of the four lanes that share a row.
    UNROLL
    for (int half_row = 0; half_row < 2; half_row++)
    {
        l[half_row] += shuffle_xor(l[half_row], 1, exchange);
        l[half_row] += shuffle_xor(l[half_row], 2, exchange);
        float any = (float)seen[half_row];
        any += shuffle_xor(any, 1, exchange);
        any += shuffle_xor(any, 2, exchange);
        seen[half_row] = any > 0.0f;
    }

    UNROLL
    for (int half_row = 0; half_row < 2; half_row++)
    {
        const int row = 16 * warp + g + 8 * half_row, query = first_query + row;
        if (part >= 0)
        {
            global float *state = states + ((long)part * TILE + row) * (3 + VALUE);
            if (t == 0)
            {
                state[0] = m[half_row];
                state[1] = l[half_row];
                state[2] = (float)seen[half_row];
            }

            UNROLL
            for (int n = 0; n < VALUE_TILES; n++)
            {
                state[3 + 8 * n + 2 * t] = output[n][2 * half_row];
                state[4 + 8 * n + 2 * t] = output[n][2 * half_row + 1];
            }
        }
        else if (query < shape.queries)
        {
            float log_sum_exp;
            const float factor =
                finish_row(m[half_row], l[half_row], seen[half_row], shape.has_sinks, shape.has_sinks ? sinks[head] : 0.0f, &log_sum_exp);
            global element *target = o + shape.o_start + batch * shape.o_batch + head * shape.o_head + query * shape.o_row;
            UNROLL
            for (int n = 0; n < VALUE_TILES; n++)
            {
                const uint pair = seen[half_row] ? pack_pair(output[n][2 * half_row] * factor, output[n][2 * half_row + 1] * factor) : 0u;
                *(global uint *)(target + 8 * n + 2 * t) = pair;
            }

            if (shape.has_lse && t == 0)
            {
                lse[((long)batch * shape.heads + head) * shape.queries + query] = log_sum_exp;
            }
        }
    }
}
