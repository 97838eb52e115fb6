// Block-wise attention on matrix units, as src/Cuda/Templates/BlockwiseAttention.cs does it (docs/attention-kernel.md walks through that): a work-group
// computes TILE_Q queries, WARP_ROWS of them a warp, over the loaded tiles of its tile row. Keys and values come by asynchronous copies into a ring of
// STAGES tiles; Q stays in registers; a part tile's bits lie in the order of the scores' registers, and full tiles have none; scores turn into weights
// where they are. KEY_GROUPS groups of warps share the tiles of a row out among themselves, each with a ring of its own, and become one at the end. Where a
// row is cut into parts, the work-group that comes last merges them.
// Sources: the STOF paper's block-wise kernel; Dao, "FlashAttention-2" (2023).
//
// Parameters: HEAD_SIZE and VALUE_SIZE (multiples of 8), TILE_Q, TILE_K, STAGES, WARP_ROWS (16 or 32), KEY_GROUPS, IS_PLAIN (scores are the products
// times a positive number), IS_CUT (there are rows in parts), HAS_LSE, IS_EMULATED, and those of attention.cl.

#define STRIPS (WARP_ROWS / 16)
#define GROUP_WARPS (TILE_Q / WARP_ROWS)
#define GROUP_ITEMS (32 * GROUP_WARPS)
#define WARPS (KEY_GROUPS * GROUP_WARPS)
#define ITEMS (32 * WARPS)
#define PADS_ROWS 1 // permuted, each step of a fragment has an address of its own

#include "attention.cl"
#include "matrix_units.cl"

#define HEAD_STEPS ((HEAD_SIZE + 15) / 16)
#define VALUE_TILES ((VALUE_SIZE + 15) / 16 * 2)
#define KEY_TILES (TILE_K / 8)
#define BIT_WORDS ((TILE_K + 63) / 64) // a bit for each of a lane's scores of sixteen queries

// Chunks of sixteen bytes: of rows, padded to whole steps of the product, and of tiles.
#define K_CHUNKS (2 * HEAD_STEPS)
#define V_CHUNKS VALUE_TILES
#define K_TILE (TILE_K * PITCH(K_CHUNKS))
#define STAGE (K_TILE + TILE_K * PITCH(V_CHUNKS))

// Queries wait where the first group's last stage will be, and results gather there.
#define Q_PLACE ((STAGES - 1) * STAGE)
#define Q_TILE (TILE_Q * (PITCH(K_CHUNKS) > PITCH(V_CHUNKS) ? PITCH(K_CHUNKS) : PITCH(V_CHUNKS)))
#define RING (Q_PLACE + (STAGE > Q_TILE ? STAGE : Q_TILE))

// A state in floats of each work-item of a group, and how many chunks those of all groups but the first fill.
#define STRIP_STATE (7 + 4 * VALUE_TILES)
#define STATE (STRIPS * STRIP_STATE)
#define STATES ((KEY_GROUPS - 1) * STATE * GROUP_ITEMS / 4)
#define MEMORY (KEY_GROUPS * RING > STATES ? KEY_GROUPS * RING : STATES)

// What the lists say of a tile, beside the number of its bits.
#define FULL (-1)
#define NO_TILE (-2)

#include "matrix_walk.cl"
#include "matrix_softmax.cl"
#include "matrix_states.cl"

kernel __attribute__((reqd_work_group_size(ITEMS, 1, 1))) void attention_blockwise(
    const attention_shape shape, TENSORS_AND_LISTS)
{
    FIND_TENSORS
    local uint4 memory[MEMORY];
    EXCHANGE
    const global int *load_col_idx = LIST(const int, columns), *load_part_idx = LIST(const int, part_tiles);
    const global uint *bits = LIST(const uint, bits);
    const global int *item = LIST(const int, items) + get_group_id(0) * 8;
    const int batch = item[0], head = item[1], first_query = item[2] * TILE_Q, first = item[3], end = item[4];
    const int kv_head = item[6];
    const int lane = get_local_id(0) & 31, warp = (get_local_id(0) >> 5) % (uint)GROUP_WARPS, group = get_local_id(0) / (uint)GROUP_ITEMS;
    const int g = lane >> 2, t = lane & 3;
    const tile_pointer ring = chunks_on(point_to(memory), group * RING), query_tile = chunks_on(point_to(memory), Q_PLACE);

    tile_walk walk;
    walk.k_rows = inputs + shape.k_start + batch * shape.k_batch + kv_head * shape.k_head;
    walk.v_rows = inputs + shape.v_start + batch * shape.v_batch + kv_head * shape.v_head;
    walk.columns = load_col_idx;
    walk.next = first + group;
    walk.last = end - 1;
    walk.next_column = load_col_idx[min(walk.next, max(walk.last, 0))];
    walk.stage = 0;
    ask_rows(
        query_tile, inputs + shape.q_start + batch * shape.q_batch + head * shape.q_head, shape.q_row, first_query, shape.queries, TILE_Q, HEAD_SIZE, K_CHUNKS,
        get_local_id(0), ITEMS);
    UNROLL
    for (int i = 0; i < STAGES - 1; i++)
    {
        ask_next(&walk, ring, &shape);
    }

    // The bits of the tile at hand are loaded while the one before it is computed; the lists are never empty.
#define PART(entry) ((entry) < end ? load_part_idx[min(entry, max(end - 1, 0))] : NO_TILE)
    int part_tile = PART(first + group);
    uint words[STRIPS * BIT_WORDS], seen[STRIPS];
    float output[STRIPS][VALUE_TILES][4], m[STRIPS][2], l[STRIPS][4];
    UNROLL
    for (int strip = 0; strip < STRIPS; strip++)
    {
        clear(m[strip], l[strip], &seen[strip], output[strip]);
    }

#define LOAD_WORDS \
    UNROLL \
    for (int i = 0; i < STRIPS * BIT_WORDS; i++) \
    { \
        const uint word = bits[((max(part_tile, 0) * GROUP_WARPS + warp) * STRIPS * BIT_WORDS + i) * 32 + lane]; \
        words[i] = part_tile == FULL ? ~0u : part_tile == NO_TILE ? 0u : word; \
    }

    LOAD_WORDS
    AWAIT_COPIES(STAGES - 2);
    barrier(CLK_LOCAL_MEM_FENCE);
    int query_places[PLACES(K_CHUNKS)], key_places[PLACES(K_CHUNKS)], value_places[PLACES(V_CHUNKS)];
    find_places(query_places, K_CHUNKS, 1);
    find_places(key_places, K_CHUNKS, 0);
    find_places(value_places, V_CHUNKS, 1);
    uint queries[STRIPS][HEAD_STEPS][4];
    UNROLL
    for (int strip = 0; strip < STRIPS; strip++)
    {
        UNROLL
        for (int step = 0; step < HEAD_STEPS; step++)
        {
            load_matrices(queries[strip][step], query_tile, query_places, K_CHUNKS, WARP_ROWS * warp + 16 * strip, step, 1, 0);
        }
    }

    const uint one = g == 0 ? pack_pair(1.0f, 1.0f) : 0u, ones[2] = {one, one};
    const float scale = IS_PLAIN ? shape.scale * LOG2_E : 1.0f, headroom = HEADROOM / scale;
    int stage = 0;
    for (int start = first; start < end; start += KEY_GROUPS)
    {
        const int entry = start + group;
        AWAIT_COPIES(STAGES - 2);
        barrier(CLK_LOCAL_MEM_FENCE); // this tile is there, and the one before it is used
        ask_next(&walk, ring, &shape);
#if KEY_GROUPS > 1 && !IS_EMULATED
        if (entry >= end)
        {
            continue; // the last round has no tile for this group
        }
#endif
        const int next_part = PART(entry + KEY_GROUPS);
        const tile_pointer keys = chunks_on(ring, stage * STAGE), values = chunks_on(keys, K_TILE);
        stage = stage + 1 == STAGES ? 0 : stage + 1;

        float s[STRIPS][KEY_TILES][4];
        UNROLL
        for (int strip = 0; strip < STRIPS; strip++)
        {
            UNROLL
            for (int n = 0; n < KEY_TILES; n++)
            {
                s[strip][n][0] = s[strip][n][1] = s[strip][n][2] = s[strip][n][3] = 0.0f;
            }
        }

        // Steps outside: a product's sums are not those of the product before.
        UNROLL
        for (int step = 0; step < HEAD_STEPS; step++)
        {
            UNROLL
            for (int n = 0; n < KEY_TILES; n += 2)
            {
                uint b[4];
                load_matrices(b, keys, key_places, K_CHUNKS, 8 * n, step, 0, 0);
                UNROLL
                for (int strip = 0; strip < STRIPS; strip++)
                {
                    multiply_add(s[strip][n], queries[strip][step], b, exchange);
                    multiply_add(s[strip][n + 1], queries[strip][step], b + 2, exchange);
                }
            }
        }

#if !IS_PLAIN
        // Beyond a ragged edge the bias is that of the edge; such scores are masked.
        const int first_key = load_col_idx[min(entry, end - 1)] * TILE_K;
        UNROLL
        for (int i = 0; i < STRIPS * KEY_TILES * 4; i++)
        {
            const int strip = i / (4 * KEY_TILES), n = i / 4 % KEY_TILES, r = i % 4;
            const int query = min(first_query + WARP_ROWS * warp + 16 * strip + g + 8 * (r >> 1), shape.queries - 1);
            const int key = min(first_key + 8 * n + 2 * t + (r & 1), shape.keys - 1);
            const float b = bias_at(LIST(const float, bias), LIST(const int, bias_origins), shape, batch, head, query, key);
            s[strip][n][r] = finish_score(s[strip][n][r], b, shape.scale, shape.cap, shape.inverse_cap);
        }
#endif
        if (part_tile != FULL)
        {
            UNROLL
            for (int i = 0; i < STRIPS * KEY_TILES * 4; i++)
            {
                const int strip = i / (4 * KEY_TILES), n = i / 4 % KEY_TILES, r = i % 4;
                s[strip][n][r] = words[strip * BIT_WORDS + n / 8] & 1u << (4 * (n % 8) + r) ? s[strip][n][r] : -INFINITY;
            }
        }

        UNROLL
        for (int i = 0; i < STRIPS * BIT_WORDS; i++)
        {
            seen[i / BIT_WORDS] |= words[i];
        }

        part_tile = next_part;
        LOAD_WORDS
        UNROLL
        for (int strip = 0; strip < STRIPS; strip++)
        {
            take_in(s[strip], m[strip], l[strip], output[strip], scale, headroom, exchange);
        }

        // Sums of two neighbouring tiles lie as A does: rounded, weights are the next product's A where they are.
        UNROLL
        for (int step = 0; step < TILE_K / 16; step++)
        {
            uint weights[STRIPS][4];
            UNROLL
            for (int i = 0; i < STRIPS * 4; i++)
            {
                const float *pair = s[i / 4][2 * step + (i % 4 >> 1)] + 2 * (i & 1);
                weights[i / 4][i % 4] = pack_pair(pair[0], pair[1]);
            }

            UNROLL
            for (int strip = 0; strip < STRIPS; strip++)
            {
                multiply_add(l[strip], weights[strip], ones, exchange);
            }

            UNROLL
            for (int n = 0; n < VALUE_TILES; n += 2)
            {
                uint b[4];
                load_matrices(b, values, value_places, V_CHUNKS, 16 * step, n / 2, 1, 1);
                UNROLL
                for (int strip = 0; strip < STRIPS; strip++)
                {
                    multiply_add(output[strip][n], weights[strip], b, exchange);
                    multiply_add(output[strip][n + 1], weights[strip], b + 2, exchange);
                }
            }
        }
    }

    AWAIT_COPIES(0);
    barrier(CLK_LOCAL_MEM_FENCE); // the last tile is used
#if KEY_GROUPS > 1
    // Groups leave their states where tiles lay, and the same lanes of the first group take them in, group by group.
    local float *floats = (local float *)memory + get_local_id(0) % (uint)GROUP_ITEMS;
    UNROLL
    for (int strip = 0; group > 0 && strip < STRIPS; strip++)
    {
        float state[STRIP_STATE];
        pack_state(state, m[strip], l[strip], seen[strip], output[strip]);
        UNROLL
        for (int i = 0; i < STRIP_STATE; i++)
        {
            floats[((group - 1) * STATE + strip * STRIP_STATE + i) * GROUP_ITEMS] = state[i];
        }
    }

    barrier(CLK_LOCAL_MEM_FENCE);
    UNROLL
    for (int i = 0; group == 0 && i < (KEY_GROUPS - 1) * STRIPS; i++)
    {
        const int strip = i % STRIPS;
        float state[STRIP_STATE];
        UNROLL
        for (int j = 0; j < STRIP_STATE; j++)
        {
            state[j] = floats[(i / STRIPS * STATE + strip * STRIP_STATE + j) * GROUP_ITEMS];
        }

        take_over(state, m[strip], l[strip], &seen[strip], output[strip], scale);
    }

    barrier(CLK_LOCAL_MEM_FENCE); // states are read, and results gather where they lay
#endif
#if IS_CUT
    const int part = item[5];
    if (part >= 0)
    {
        // Of a row's parts the one that comes last, whichever that is, finds the states of all and takes them in ascending order.
        const int cut = item[7];
        const global int *row_parts = LIST(const int, cuts) + 8 * cut;
        const int first_part = row_parts[3], parts = row_parts[4];
        global float *floats = LIST(float, states) + get_local_id(0) % (uint)GROUP_ITEMS;
        UNROLL
        for (int strip = 0; group == 0 && strip < STRIPS; strip++)
        {
            float state[STRIP_STATE];
            pack_state(state, m[strip], l[strip], seen[strip], output[strip]);
            UNROLL
            for (int i = 0; i < STRIP_STATE; i++)
            {
                publish(floats + ((long)part * STATE + strip * STRIP_STATE + i) * GROUP_ITEMS, state[i]);
            }
        }

        if (!comes_last(LIST(int, arrivals) + cut, parts, (local int *)memory))
        {
            return;
        }

        UNROLL
        for (int strip = 0; strip < STRIPS; strip++)
        {
            clear(m[strip], l[strip], &seen[strip], output[strip]);
        }

        for (int other = first_part; group == 0 && other < first_part + parts; other++)
        {
            UNROLL
            for (int strip = 0; strip < STRIPS; strip++)
            {
                float state[STRIP_STATE];
                UNROLL
                for (int i = 0; i < STRIP_STATE; i++)
                {
                    state[i] = published(floats + ((long)other * STATE + strip * STRIP_STATE + i) * GROUP_ITEMS);
                }

                take_over(state, m[strip], l[strip], &seen[strip], output[strip], scale);
            }
        }
    }
#endif

    UNROLL
    for (int i = 0; i < 2 * STRIPS; i++)
    {
        // Sums and bits of the four lanes that share a row; bits 0 and 1 of four are its upper row's, 2 and 3 its lower one's.
        const int strip = i / 2, half_row = i % 2;
        const int row = WARP_ROWS * warp + 16 * strip + g + 8 * half_row, query = first_query + row;
        const float any = sum_of_four(seen[strip] & (half_row ? 0xccccccccu : 0x33333333u) ? 1.0f : 0.0f, exchange);
        const float top = m[strip][half_row] * scale, sink = shape.has_sinks ? LIST(const float, sinks)[head] : 0.0f;
        float log_sum_exp;
        const float factor = finish_row(top, sum_of_four(l[strip][2 * half_row], exchange), any > 0.0f, shape.has_sinks, sink, &log_sum_exp);
        local uint *gathered = (local uint *)(memory + Q_PLACE);
        UNROLL
        for (int n = 0; group == 0 && n < VALUE_SIZE / 8; n++)
        {
            const uint pair = pack_pair(output[strip][n][2 * half_row] * factor, output[strip][n][2 * half_row + 1] * factor);
            gathered[4 * place(row, n, V_CHUNKS) + t] = any > 0.0f ? pair : 0u;
        }

#if HAS_LSE
        finish_row(top, sum_of_four(l[strip][2 * half_row + 1], exchange), any > 0.0f, shape.has_sinks, sink, &log_sum_exp);
        if (t == 0 && group == 0 && query < shape.queries)
        {
            LIST(float, log_sum_exp)[((long)batch * shape.heads + head) * shape.queries + query] = log_sum_exp;
        }
#endif
    }

    // Through local memory, so that what reaches the output are sixteen bytes a lane, whole rows at a time.
    await_warp();
    global element *o_rows = o + shape.o_start + batch * shape.o_batch + head * shape.o_head;
    UNROLL
    for (int i = 0; i < (WARP_ROWS * (VALUE_SIZE / 8) + 31) / 32; i++)
    {
        const int row = (32 * i + lane) / (VALUE_SIZE / 8), chunk = (32 * i + lane) % (VALUE_SIZE / 8);
        const int query = first_query + WARP_ROWS * warp + row;
        if (row < WARP_ROWS && query < shape.queries && group == 0)
        {
            *(global uint4 *)(o_rows + query * shape.o_row + 8 * chunk) = memory[Q_PLACE + place(WARP_ROWS * warp + row, chunk, V_CHUNKS)];
        }
    }
}
