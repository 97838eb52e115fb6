// Products on matrix units: Y = finish(X W^T), X and W [columns][depth] of 16-bit numbers with float sums. A work-group of WARPS_M x WARPS_N warps computes
// TILE_M x TILE_N results; 8 * CHUNKS columns of X and W at a time come by asynchronous copies into a ring of STAGES tiles. Bias, activation and residual
// ride on the store; what comes before a norm is stored as floats.
//
// Parameters: TILE_M, TILE_N, WARPS_M, WARPS_N, CHUNKS (4 or 8), STAGES, IS_EMULATED, and those of numbers.cl. The depth is a multiple of 8, the width even.

#define WARPS (WARPS_M * WARPS_N)
#define ITEMS (32 * WARPS)
#define PADS_ROWS 0 // 48 KiB hold more of the depth

#include "product.cl"
#include "matrix_units.cl"

#define STRIPS (TILE_M / WARPS_M / 16)
#define COLUMNS (TILE_N / WARPS_N)
#define COLUMN_TILES (COLUMNS / 8)
#define X_TILE (TILE_M * PITCH(CHUNKS))
#define STAGE (X_TILE + TILE_N * PITCH(CHUNKS))
#define ROWS_AT_ONCE (ITEMS / CHUNKS) // a multiple of 8
#define X_COPIES (TILE_M / ROWS_AT_ONCE)
#define W_COPIES (TILE_N / ROWS_AT_ONCE)
#define SUM_PITCH (COLUMNS + 8) // floats between rows of sums
#define BAND 8 // tiles of rows whose work-groups follow one another, so that X and W stay in the cache

// The row of W behind a row of its tile. Gated, each warp's columns are gates first and then what they gate, so that a lane has both.
int weight_row(int r, int first_column, const product_shape *shape, const int is_gated)
{
    const int outputs = COLUMNS / 2, warp = r / COLUMNS, i = r % COLUMNS;
    const int column = is_gated ? first_column + warp * outputs + i % outputs : first_column + r;
    return column >= shape->width ? -1 : is_gated && i >= outputs ? shape->width + column : column;
}

// What a work-item copies of each step: one chunk of every ROWS_AT_ONCE-th row of X's tile, then of W's; of rows beyond the ends it copies zeros.
typedef struct
{
    const global element *x[X_COPIES], *w[W_COPIES];
    uint x_is_there, w_is_there; // a bit a row
} operand_rows;

void find_rows(
    operand_rows *rows, const product_shape *shape, const global element *x, const global element *weights, int first_row, int first_column,
    const int is_gated)
{
    const int my_row = get_local_id(0) / (uint)CHUNKS, column = 8 * (get_local_id(0) % (uint)CHUNKS);
    rows->x_is_there = rows->w_is_there = 0;
    UNROLL
    for (int i = 0; i < X_COPIES; i++)
    {
        const int row = first_row + my_row + i * ROWS_AT_ONCE;
        rows->x[i] = x + (long)row * shape->depth + column;
        rows->x_is_there |= row < shape->rows ? 1u << i : 0u;
    }

    UNROLL
    for (int i = 0; i < W_COPIES; i++)
    {
        const int row = weight_row(my_row + i * ROWS_AT_ONCE, first_column, shape, is_gated);
        rows->w[i] = weights + (long)row * shape->depth + column;
        rows->w_is_there |= row >= 0 ? 1u << i : 0u;
    }
}

// Asks for a step of the depth; zeros beyond the ends.
void ask_step(tile_pointer tile, const operand_rows *rows, int depth, int end)
{
    const uint chunk = get_local_id(0) % (uint)CHUNKS;
    const int is_there = depth + 8 * (int)chunk < end;
    const tile_pointer to = chunks_on(tile, place(get_local_id(0) / (uint)CHUNKS, chunk, CHUNKS));
    UNROLL
    for (int i = 0; i < X_COPIES; i++)
    {
        copy_chunk(chunks_on(to, i * ROWS_AT_ONCE * PITCH(CHUNKS)), (const global uint4 *)(rows->x[i] + depth), is_there && rows->x_is_there >> i & 1);
    }

    UNROLL
    for (int i = 0; i < W_COPIES; i++)
    {
        copy_chunk(
            chunks_on(to, X_TILE + i * ROWS_AT_ONCE * PITCH(CHUNKS)), (const global uint4 *)(rows->w[i] + depth), is_there && rows->w_is_there >> i & 1);
    }
}

// Two neighbouring results of a row, from sums; "up" is what they gate.
void finish_pair(
    const product_shape *shape, int row, int column, float2 v, float2 up, const global float *bias, const global element *residual, global element *y,
    global float *y_floats)
{
    const int is_gated = shape->activation == ACTIVATION_SWI_GLU;
    const long at = (long)row * shape->width + column;
    if (bias)
    {
        v += (float2)(bias[column], bias[column + 1]);
        up += is_gated ? (float2)(bias[shape->width + column], bias[shape->width + column + 1]) : (float2)(0.0f);
    }

    v = is_gated
        ? (float2)(swi_glu(v.x, up.x), swi_glu(v.y, up.y))
        : (float2)(activate(shape->activation, v.x), activate(shape->activation, v.y));
    if (residual)
    {
        v += (float2)(load_one(residual, at), load_one(residual, at + 1));
    }

    if (y_floats)
    {
        vstore2(v, 0, y_floats + at);
    }
    else
    {
        *(global uint *)(y + at) = pack_pair(v.x, v.y);
    }
}

kernel __attribute__((reqd_work_group_size(ITEMS, 1, 1))) void product(
    const product_shape shape, const global element *x, const global element *weights, const global float *bias, const global element *residual,
    global element *y, global float *y_floats)
{
    local uint4 memory[STAGES * STAGE];
    EXCHANGE
    const tile_pointer ring = point_to(memory);
    const int lane = get_local_id(0) & 31, warp = get_local_id(0) >> 5, g = lane >> 2, t = lane & 3;
    const int warp_row = warp / WARPS_N * (16 * STRIPS), warp_column = warp % WARPS_N * COLUMNS;
    const int is_gated = shape.activation == ACTIVATION_SWI_GLU;
    const int per_tile = is_gated ? TILE_N / 2 : TILE_N;
    const int columns = (shape.width + per_tile - 1) / per_tile, rows = (shape.rows + TILE_M - 1) / TILE_M;
    const int group = get_group_id(0), band = group / (BAND * columns), in_band = min(BAND, rows - band * BAND);
    const int first_row = (band * BAND + group % (BAND * columns) % in_band) * TILE_M;
    const int first_column = group % (BAND * columns) / in_band * per_tile;

    float sum[STRIPS][COLUMN_TILES][4];
    UNROLL
    for (int strip = 0; strip < STRIPS; strip++)
    {
        UNROLL
        for (int n = 0; n < COLUMN_TILES; n++)
        {
            sum[strip][n][0] = sum[strip][n][1] = sum[strip][n][2] = sum[strip][n][3] = 0.0f;
        }
    }

    operand_rows rows_of;
    find_rows(&rows_of, &shape, x, weights, first_row, first_column, is_gated);
    UNROLL
    for (int i = 0; i < STAGES - 1; i++)
    {
        ask_step(chunks_on(ring, i * STAGE), &rows_of, 8 * CHUNKS * i, shape.depth);
        commit_copies();
    }

    int x_places[PLACES(CHUNKS)], w_places[PLACES(CHUNKS)];
    find_places(x_places, CHUNKS, 1);
    find_places(w_places, CHUNKS, 0);
    int stage = 0, asked = STAGES - 1;
    for (int depth = 0; depth < shape.depth; depth += 8 * CHUNKS)
    {
        AWAIT_COPIES(STAGES - 2);
        barrier(CLK_LOCAL_MEM_FENCE); // this step is there, and the one before it is used
        if (depth + 8 * CHUNKS * (STAGES - 1) < shape.depth)
        {
            ask_step(chunks_on(ring, asked * STAGE), &rows_of, depth + 8 * CHUNKS * (STAGES - 1), shape.depth);
        }

        commit_copies();
        const tile_pointer tile = chunks_on(ring, stage * STAGE);
        const tile_pointer x_tile = chunks_on(tile, warp_row * PITCH(CHUNKS)), w_tile = chunks_on(tile, X_TILE + warp_column * PITCH(CHUNKS));
        asked = stage;
        stage = stage + 1 == STAGES ? 0 : stage + 1;
        UNROLL
        for (int step = 0; step < CHUNKS / 2; step++)
        {
            uint a[STRIPS][4];
            UNROLL
            for (int strip = 0; strip < STRIPS; strip++)
            {
                load_matrices(a[strip], x_tile, x_places, CHUNKS, 16 * strip, step, 1, 0);
            }

            UNROLL
            for (int n = 0; n < COLUMN_TILES; n += 2)
            {
                uint b[4];
                load_matrices(b, w_tile, w_places, CHUNKS, 8 * n, step, 0, 0);
                UNROLL
                for (int strip = 0; strip < STRIPS; strip++)
                {
                    multiply_add(sum[strip][n], a[strip], b, exchange);
                    multiply_add(sum[strip][n + 1], a[strip], b + 2, exchange);
                }
            }
        }
    }

    // Strip by strip through local memory, so that neighbouring lanes store neighbouring columns, and what rides on the store is one loop.
    AWAIT_COPIES(0);
    barrier(CLK_LOCAL_MEM_FENCE); // the last step is used
    local float *mine = (local float *)memory + warp * (16 * SUM_PITCH);
    const int pairs = (is_gated ? COLUMNS / 2 : COLUMNS) / 2;
    UNROLL
    for (int strip = 0; strip < STRIPS; strip++)
    {
        UNROLL
        for (int i = 0; i < 2 * COLUMN_TILES; i++)
        {
            local float *to = mine + (g + 8 * (i % 2)) * SUM_PITCH + 8 * (i / 2) + 2 * t;
            to[0] = sum[strip][i / 2][2 * (i % 2)];
            to[1] = sum[strip][i / 2][2 * (i % 2) + 1];
        }

        await_warp();
        for (int i = lane; i < 16 * pairs; i += 32)
        {
            const local float *from = mine + i / pairs * SUM_PITCH + i % pairs * 2;
            const int row = first_row + warp_row + 16 * strip + i / pairs;
            const int column = first_column + (is_gated ? warp_column / 2 : warp_column) + i % pairs * 2;
            if (row < shape.rows && column < shape.width)
            {
                const float2 up = is_gated ? (float2)(from[COLUMNS / 2], from[COLUMNS / 2 + 1]) : (float2)(0.0f);
                finish_pair(&shape, row, column, (float2)(from[0], from[1]), up, bias, residual, y, y_floats);
            }
        }

        await_warp();
    }
}
