// Products for GPUs: Y = finish(norm(X) W^T), W [columns][depth] as models store it. A work-group of 16 x 16 computes TILE x TILE results; STEP_K
// columns of X and W at a time go through local memory, and a work-item holds (TILE / 16)^2 sums. Bias, activation and residual ride on the store.
// Where X is normalised, mean and factor of its rows were computed before (row_statistics) and are applied as rows are loaded. What comes before a norm
// or another product is stored as floats, and an X of floats is read.
//
// Parameters: TILE, STEP_K, and those of numbers.cl.

#include "product.cl"

#define SIDE 16
#define EACH (TILE / SIDE)
#define STRIDE (TILE + 1)

kernel __attribute__((reqd_work_group_size(SIDE * SIDE, 1, 1))) void product(
    const product_shape shape, const global element *x, const global float *x_floats, const global element *weights, const global float *bias,
    const global element *residual, const global float *statistics, const global float *gamma, const global float *beta, global element *y,
    global float *y_floats)
{
    local float a[STEP_K * STRIDE], b[STEP_K * STRIDE];
    const int me = get_local_id(0), tx = me % SIDE, ty = me / SIDE;
    const int is_gated = shape.activation == ACTIVATION_SWI_GLU;

    // Of a gated tile the first half of the columns are gates and the second half what they gate.
    const int per_tile = is_gated ? TILE / 2 : TILE;
    const int tiles = (shape.width + per_tile - 1) / per_tile;
    const int first_row = (int)(get_group_id(0) / tiles) * TILE, first_column = (int)(get_group_id(0) % tiles) * per_tile;
    float sum[EACH][EACH];
    for (int i = 0; i < EACH; i++)
    {
        for (int j = 0; j < EACH; j++)
        {
            sum[i][j] = 0.0f;
        }
    }

    for (int start = 0; start < shape.depth; start += STEP_K)
    {
        barrier(CLK_LOCAL_MEM_FENCE);
        for (int i = me; i < TILE * STEP_K; i += SIDE * SIDE)
        {
            const int r = i / STEP_K, d = i % STEP_K;
            const int row = first_row + r, column = start + d;
            float v = 0.0f;
            if (row < shape.rows && column < shape.depth)
            {
                const long at = (long)row * shape.depth + column;
                v = x_floats ? x_floats[at] : load_one(x, at);
                if (statistics)
                {
                    v = (v - statistics[2 * row]) * statistics[2 * row + 1] * gamma[column];
                    v += beta ? beta[column] : 0.0f;
                }
            }

            a[d * STRIDE + r] = v;
            const int is_second = is_gated && r >= per_tile;
            const int output = first_column + (is_second ? r - per_tile : r);
            b[d * STRIDE + r] = output < shape.width && column < shape.depth
                ? load_one(weights, (long)(output + (is_second ? shape.width : 0)) * shape.depth + column)
                : 0.0f;
        }

        barrier(CLK_LOCAL_MEM_FENCE);
        for (int d = 0; d < STEP_K; d++)
        {
            float u[EACH], v[EACH];
            for (int i = 0; i < EACH; i++)
            {
                u[i] = a[d * STRIDE + ty + SIDE * i];
                v[i] = b[d * STRIDE + tx + SIDE * i];
            }

            for (int i = 0; i < EACH; i++)
            {
                for (int j = 0; j < EACH; j++)
                {
                    sum[i][j] += u[i] * v[j];
                }
            }
        }
    }

    for (int i = 0; i < EACH; i++)
    {
        const int row = first_row + ty + SIDE * i;
        for (int j = 0; j < (is_gated ? EACH / 2 : EACH); j++)
        {
            const int column = first_column + tx + SIDE * j;
            if (row >= shape.rows || column >= shape.width)
            {
                continue;
            }

            float v = sum[i][j] + (bias ? bias[column] : 0.0f);
            if (is_gated)
            {
                v = swi_glu(v, sum[i][j + EACH / 2] + (bias ? bias[shape.width + column] : 0.0f));
            }
            else
            {
                v = activate(shape.activation, v);
            }

            const long at = (long)row * shape.width + column;
            v += residual ? load_one(residual, at) : 0.0f;
            if (y_floats)
            {
                y_floats[at] = v;
            }
            else
            {
                store_one(y, at, v);
            }
        }
    }
}
