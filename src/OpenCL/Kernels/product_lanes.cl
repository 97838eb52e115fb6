// Products for processors: Y = finish(prologue(X) W). One work-item does row_block rows by panel_block panels of columns, a panel being 2 * LANES
// columns of W packed as floats [depth][2 * LANES]. Its rows wait in local memory (that is, in cache), ROWS of them beside each other, so that a
// step of the depth is ROWS broadcasts, two vectors of W and 2 * ROWS multiplications whose sums stay in registers. What rides on the product
// (bias, activation, residual, normalisation) happens while the tile is in cache.
//
// Parameters: ROWS, and those of numbers.cl.

#include "product.cl"

#define PANEL (2 * LANES)

// ROWS rows of X from first on, normalised where there is a prologue, as [depth][ROWS]; rows beyond the last are zeros.
void stage_rows(
    const global element *x, const product_shape shape, int first, const global float *gamma, const global float *beta, local real *line, local float *to)
{
    local float *elements = (local float *)line;
    ROLLED
    for (int r = 0; r < ROWS; r++)
    {
        if (first + r >= shape.rows)
        {
            ROLLED
            for (int d = 0; d < shape.depth; d++)
            {
                to[d * ROWS + r] = 0.0f;
            }

            continue;
        }

        const long at = (long)(first + r) * shape.depth;
        real sum = 0.0f;
        for (int d = 0; d < shape.depth; d += LANES)
        {
            const real v = load_some(x, at + d, shape.depth - d);
            line[d / LANES] = v;
            sum += v;
        }

        if (shape.prologue != NORM_NONE)
        {
            const float mean = shape.prologue == NORM_LAYER ? sum_of(sum) / shape.depth : 0.0f;
            real square = 0.0f;
            int d = 0;
            for (; d + LANES <= shape.depth; d += LANES)
            {
                const real v = line[d / LANES] - mean;
                square += v * v;
            }

            float squares = sum_of(square);
            for (; d < shape.depth; d++)
            {
                squares += (elements[d] - mean) * (elements[d] - mean);
            }

            const float factor = 1.0f / sqrt(squares / shape.depth + shape.prologue_epsilon);
            for (d = 0; d < shape.depth; d++)
            {
                const float v = (elements[d] - mean) * factor * gamma[d];
                elements[d] = beta ? v + beta[d] : v;
            }
        }

        for (int d = 0; d < shape.depth; d++)
        {
            to[d * ROWS + r] = elements[d];
        }
    }
}

// ROWS rows [depth][ROWS] times a panel [depth][PANEL] into tile [ROWS][PANEL].
void multiply(const local float *rows, const global real *panel, int depth, local real *tile)
{
    real sum[ROWS][2];
    #pragma unroll
    for (int r = 0; r < ROWS; r++)
    {
        sum[r][0] = 0.0f;
        sum[r][1] = 0.0f;
    }

    for (int d = 0; d < depth; d++)
    {
        const real b0 = panel[2 * d], b1 = panel[2 * d + 1];
        #pragma unroll
        for (int r = 0; r < ROWS; r++)
        {
            const real a = (real)rows[d * ROWS + r];
            sum[r][0] += a * b0;
            sum[r][1] += a * b1;
        }
    }

    #pragma unroll
    for (int r = 0; r < ROWS; r++)
    {
        tile[2 * r] = sum[r][0];
        tile[2 * r + 1] = sum[r][1];
    }
}

// The vector-th result vector of a tile row: bias and activation. A gated panel has gates in its first vector and what they gate in its second.
real finish(const local real *row, int vector, int column, int width, int activation, const global float *bias)
{
    real v = row[vector];
    const int count = width - column;
    if (bias)
    {
        v += load_floats(bias, column, count);
    }

    if (activation != ACTIVATION_SWI_GLU)
    {
        return activate(activation, v);
    }

    real up = row[1];
    if (bias)
    {
        up += load_floats(bias, width + column, count);
    }

    return swi_glu(v, up);
}

// Normalises a row of floats into the result.
void normalize_row(const local real *row, int width, int kind, float epsilon, const global float *gamma, const global float *beta, global element *y, long at)
{
    const local float *elements = (const local float *)row;
    real sum = 0.0f;
    float mean = 0.0f;
    for (int c = 0; kind == NORM_LAYER && c < width; c++)
    {
        mean += elements[c];
    }

    mean /= width;
    int c = 0;
    for (; c + LANES <= width; c += LANES)
    {
        const real v = row[c / LANES] - mean;
        sum += v * v;
    }

    float squares = sum_of(sum);
    for (; c < width; c++)
    {
        squares += (elements[c] - mean) * (elements[c] - mean);
    }

    const float factor = 1.0f / sqrt(squares / width + epsilon);
    for (c = 0; c < width; c += LANES)
    {
        const int count = width - c;
        real v = (row[c / LANES] - mean) * factor * load_floats(gamma, c, count);
        if (beta)
        {
            v += load_floats(beta, c, count);
        }

        store_some(y, at + c, v, count);
    }
}

// Panels [first, end) of the last product of ROWS rows that lie at "rows": into y, or where the row is normalised into "whole" [ROWS][padded].
void last_product(
    const product_shape shape, const local float *rows, int depth, int first_row, const global real *weights, int first, int end, const global float *bias,
    const global element *residual, global element *sums, global element *y, local real *tile, local real *whole, int padded)
{
    const int is_gated = shape.activation == ACTIVATION_SWI_GLU;
    for (int panel = first; panel < end; panel++)
    {
        multiply(rows, weights + (long)panel * depth * 2, depth, tile);
        for (int r = 0; r < ROWS && first_row + r < shape.rows; r++)
        {
            const long at = (long)(first_row + r) * shape.width;
            for (int vector = 0; vector < (is_gated ? 1 : 2); vector++)
            {
                const int column = is_gated ? panel * LANES : panel * PANEL + vector * LANES;
                const int count = shape.width - column;
                if (count <= 0)
                {
                    continue;
                }

                real v = finish(tile + 2 * r, vector, column, shape.width, shape.activation, bias);
                if (residual)
                {
                    v += load_some(residual, at + column, count);
                }

                if (sums)
                {
                    store_some(sums, at + column, v, count);
                }

                if (shape.epilogue != NORM_NONE)
                {
                    whole[(r * padded + column) / LANES] = v;
                }
                else
                {
                    store_some(y, at + column, v, count);
                }
            }
        }
    }
}

void last_norm(
    const product_shape shape, int first_row, const global float *gamma, const global float *beta, global element *y, local real *whole, int padded)
{
    for (int r = 0; shape.epilogue != NORM_NONE && r < ROWS && first_row + r < shape.rows; r++)
    {
        normalize_row(whole + r * padded / LANES, shape.width, shape.epilogue, shape.epilogue_epsilon, gamma, beta, y, (long)(first_row + r) * shape.width);
    }
}

// One product. Local floats: line [depth], tile [ROWS][PANEL], whole [ROWS][width] where rows are normalised, rows [row_block / ROWS][depth][ROWS].
kernel void product(
    const product_shape shape, const global element *x, const global real *weights, const global float *bias, const global element *residual,
    const global float *prologue_gamma, const global float *prologue_beta, const global float *gamma, const global float *beta,
    global element *sums, global element *y, local real *scratch)
{
    const int padded = (shape.width + PANEL - 1) / PANEL * PANEL;
    const int line_size = (shape.depth + LANES - 1) / LANES;
    local real *line = scratch;
    local real *tile = line + line_size;
    local real *whole = tile + 2 * ROWS;
    local float *rows = (local float *)whole + (shape.epilogue != NORM_NONE ? shape.row_block * padded : 0);
    const int column_blocks = (shape.panels + shape.panel_block - 1) / shape.panel_block;
    const int first_row = (int)(get_group_id(0) / column_blocks) * shape.row_block;
    const int last_row = min(first_row + shape.row_block, shape.rows);
    const int first = (int)(get_group_id(0) % column_blocks) * shape.panel_block;
    const int end = min(first + shape.panel_block, shape.panels);
    for (int row = first_row; row < last_row; row += ROWS)
    {
        stage_rows(x, shape, row, prologue_gamma, prologue_beta, line, rows + (row - first_row) * shape.depth);
    }

    // A panel stays in the second-level cache while all rows meet it.
    for (int panel = first; panel < end; panel++)
    {
        for (int row = first_row; row < last_row; row += ROWS)
        {
            last_product(
                shape, rows + (row - first_row) * shape.depth, shape.depth, row, weights, panel, panel + 1, bias, residual, sums, y, tile,
                whole + (row - first_row) * padded / LANES, padded);
        }
    }

    for (int row = first_row; row < last_row; row += ROWS)
    {
        last_norm(shape, row, gamma, beta, y, whole + (row - first_row) * padded / LANES, padded);
    }
}

// Two products, ROWS rows at a time; what is between them never leaves the cache. Local floats: line [depth], tile, whole [ROWS][width] where rows
// are normalised, rows [depth][ROWS], middle [middle][ROWS].
kernel void product_chain(
    const product_shape shape, const global element *x, const global real *first_weights, const global float *first_bias, const global real *weights,
    const global float *bias, const global element *residual, const global float *prologue_gamma, const global float *prologue_beta,
    const global float *gamma, const global float *beta, global element *sums, global element *y, local real *scratch)
{
    const int padded = (shape.width + PANEL - 1) / PANEL * PANEL;
    const int line_size = (shape.depth + LANES - 1) / LANES;
    local real *line = scratch;
    local real *tile = line + line_size;
    local real *whole = tile + 2 * ROWS;
    local float *rows = (local float *)whole + (shape.epilogue != NORM_NONE ? ROWS * padded : 0);
    local float *middle = rows + shape.depth * ROWS;
    const int first_row = (int)get_group_id(0) * shape.row_block;
    const int is_gated = shape.middle_activation == ACTIVATION_SWI_GLU;
    for (int row = first_row; row < min(first_row + shape.row_block, shape.rows); row += ROWS)
    {
        stage_rows(x, shape, row, prologue_gamma, prologue_beta, line, rows);
        for (int panel = 0; panel < shape.middle_panels; panel++)
        {
            multiply(rows, first_weights + (long)panel * shape.depth * 2, shape.depth, tile);
            for (int r = 0; r < ROWS; r++)
            {
                for (int vector = 0; vector < (is_gated ? 1 : 2); vector++)
                {
                    const int column = is_gated ? panel * LANES : panel * PANEL + vector * LANES;
                    if (column >= shape.middle)
                    {
                        continue;
                    }

                    const real values = finish(tile + 2 * r, vector, column, shape.middle, shape.middle_activation, first_bias);
                    ROLLED
                    for (int lane = 0; lane < LANES && column + lane < shape.middle; lane++)
                    {
                        middle[(column + lane) * ROWS + r] = ((const float *)&values)[lane];
                    }
                }
            }
        }

        last_product(shape, middle, shape.middle, row, weights, 0, shape.panels, bias, residual, sums, y, tile, whole, padded);
        last_norm(shape, row, gamma, beta, y, whole, padded);
    }
}
