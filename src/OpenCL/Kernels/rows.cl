// Operators that walk rows. A work-group does one row: on a processor one work-item in vectors of LANES, on a GPU GROUP work-items an element each.
// The local array holds one float a work-item, for sums over the row; where a row is normalised, a processor's also holds the row.
//
// Parameters: those of numbers.cl and work_group.cl.

#include "activations.cl"
#include "work_group.cl"

#define STEP (LANES * GROUP)
#define FIRST (LANES * (int)get_local_id(0))

#define NORM_NONE 0
#define NORM_LAYER 1
#define NORM_ROOT_MEAN_SQUARE 2

// Reductions of sub-groups stand under no condition: on PoCL 6.0 one that is passed over, by all work-items, spoils the next. A norm without a mean then
// adds nothing up.
#define ADDS_FOR_MEAN(kind) ((kind) == NORM_LAYER || SUB_GROUPS != SUB_GROUPS_NONE)

// y = x + bias (+ residual).
kernel void add_rows(
    const global element *x, const global float *bias, const global element *residual, global element *y, const int width)
{
    const long row = (long)get_group_id(0) * width;
    for (int c = FIRST; c < width; c += STEP)
    {
        const int count = width - c;
        real v = load_some(x, row + c, count);
        if (bias)
        {
            v += load_floats(bias, c, count);
        }

        if (residual)
        {
            v += load_some(residual, row + c, count);
        }

        store_some(y, row + c, v, count);
    }
}

// y = activation(x + bias); for SwiGLU x has twice the width, gates first.
kernel void activate_rows(const global element *x, const global float *bias, global element *y, const int width, const int kind)
{
    const long row = get_group_id(0);
    const int is_gated = kind == ACTIVATION_SWI_GLU;
    const long source = row * (is_gated ? 2 * width : width);
    for (int c = FIRST; c < width; c += STEP)
    {
        const int count = width - c;
        real v = load_some(x, source + c, count);
        if (bias)
        {
            v += load_floats(bias, c, count);
        }

        if (is_gated)
        {
            real up = load_some(x, source + width + c, count);
            if (bias)
            {
                up += load_floats(bias, width + c, count);
            }

            v = swi_glu(v, up);
        }
        else
        {
            v = activate(kind, v);
        }

        store_some(y, row * width + c, v, count);
    }
}

// Mean (0 for RMSNorm) and factor of a row that is given by its elements; two walks, so that the variance does not cancel.
float2 statistics(const global element *x, long row, const global float *bias, const global element *residual, int width, int kind, float epsilon, local float *places)
{
    float mean = 0.0f;
    real sum = 0.0f;
    if (kind == NORM_LAYER)
    {
        for (int c = FIRST; c < width; c += STEP)
        {
            const int count = width - c;
            real v = load_some(x, row + c, count);
            v += bias ? load_floats(bias, c, count) : (real)0.0f;
            v += residual ? load_some(residual, row + c, count) : (real)0.0f;
            sum += v;
        }
    }

    if (ADDS_FOR_MEAN(kind))
    {
        mean = group_sum(sum_of(sum), places) / width;
    }

    float square = 0.0f;
    for (int c = FIRST; c < width; c += STEP)
    {
        const int count = width - c;
        real v = load_some(x, row + c, count);
        v += bias ? load_floats(bias, c, count) : (real)0.0f;
        v += residual ? load_some(residual, row + c, count) : (real)0.0f;
        v -= mean;
#if LANES > 1
        if (count < LANES)
        {
            ROLLED
            for (int lane = 0; lane < count; lane++)
            {
                const float single = ((const float *)&v)[lane];
                square += single * single;
            }

            continue;
        }
#endif
        square += sum_of(v * v);
    }

    return (float2)(mean, 1.0f / sqrt(group_sum(square, places) / width + epsilon));
}

// y = norm(x + bias + residual), and the sum itself where it is wanted.
kernel void normalize_rows(
    const global element *x, const global float *bias, const global element *residual, const global float *gamma, const global float *beta,
    global element *y, global element *sum, const int width, const int kind, const float epsilon, local float *places)
{
    const long row = (long)get_group_id(0) * width;
    const float2 s = statistics(x, row, bias, residual, width, kind, epsilon, places);
    for (int c = FIRST; c < width; c += STEP)
    {
        const int count = width - c;
        real v = load_some(x, row + c, count);
        v += bias ? load_floats(bias, c, count) : (real)0.0f;
        v += residual ? load_some(residual, row + c, count) : (real)0.0f;
        if (sum)
        {
            store_some(sum, row + c, v, count);
        }

        v = (v - s.x) * s.y * load_floats(gamma, c, count);
        v += beta ? load_floats(beta, c, count) : (real)0.0f;
        store_some(y, row + c, v, count);
    }
}

// As normalize_rows, of rows of floats that a product left.
kernel void normalize_sums(
    const global float *x, const global float *gamma, const global float *beta, global element *y, global element *sum, const int width, const int kind,
    const float epsilon, local float *places)
{
    const long row = (long)get_group_id(0) * width;
    float mean = 0.0f, square = 0.0f;
    if (kind == NORM_LAYER)
    {
        for (int c = get_local_id(0); c < width; c += GROUP)
        {
            mean += x[row + c];
        }
    }

    if (ADDS_FOR_MEAN(kind))
    {
        mean = group_sum(mean, places) / width;
    }

    for (int c = get_local_id(0); c < width; c += GROUP)
    {
        const float v = x[row + c] - mean;
        square += v * v;
    }

    const float factor = 1.0f / sqrt(group_sum(square, places) / width + epsilon);
    for (int c = get_local_id(0); c < width; c += GROUP)
    {
        const float v = (x[row + c] - mean) * factor * gamma[c];
        store_one(y, row + c, beta ? v + beta[c] : v);
        if (sum)
        {
            store_one(sum, row + c, x[row + c]);
        }
    }
}

// Mean and factor of every row, for a product that normalises what it reads.
kernel void row_statistics(const global element *x, global float *result, const int width, const int kind, const float epsilon, local float *places)
{
    const long row = get_group_id(0);
    const float2 s = statistics(x, row * width, 0, 0, width, kind, epsilon, places);
    if (get_local_id(0) == 0)
    {
        result[2 * row] = s.x;
        result[2 * row + 1] = s.y;
    }
}

// Queries and keys rotated in pairs (i, i + d/2): (a, b) becomes (a cos - b sin, b cos + a sin); values are passed on.
kernel void rotate_rows(
    const global element *x, const global float *cosines, const global float *sines, global element *y, const int width, const int rotated_heads,
    const int head_size, const int length)
{
    const long row = get_group_id(0);
    const int half_size = head_size / 2;
    const global float *row_cosines = cosines + (row % length) * half_size;
    const global float *row_sines = sines + (row % length) * half_size;
    for (int head = 0; head < rotated_heads; head++)
    {
        const long at = row * width + head * head_size;
        for (int i = FIRST; i < half_size; i += STEP)
        {
            const int count = half_size - i;
            const real a = load_some(x, at + i, count), b = load_some(x, at + half_size + i, count);
            const real c = load_floats(row_cosines, i, count), s = load_floats(row_sines, i, count);
            store_some(y, at + i, a * c - b * s, count);
            store_some(y, at + half_size + i, b * c + a * s, count);
        }
    }

    for (int i = rotated_heads * head_size + FIRST; i < width; i += STEP)
    {
        store_some(y, row * width + i, load_some(x, row * width + i, width - i), width - i);
    }
}

// y = words[id] + positions[row % length] + types[0]; tables may be absent but for the first.
kernel void gather_rows(
    const global element *words, const global int *ids, const global element *positions, const global element *types, global element *y, const int width,
    const int length)
{
    const long row = get_group_id(0);
    const long word = (long)ids[row] * width;
    for (int c = FIRST; c < width; c += STEP)
    {
        const int count = width - c;
        real v = load_some(words, word + c, count);
        v += positions ? load_some(positions, (row % length) * width + c, count) : (real)0.0f;
        v += types ? load_some(types, c, count) : (real)0.0f;
        store_some(y, row * width + c, v, count);
    }
}

// A class row first, then the patches of its image, each plus its position; patches and class are floats.
kernel void place_patches(
    const global float *patches, const global float *first, const global element *positions, global element *y, const int width, const int length)
{
    const long row = get_group_id(0);
    const long position = row % length;
    for (int c = FIRST; c < width; c += STEP)
    {
        const int count = width - c;
        const long item = row / length;
        real v = position == 0 ? load_floats(first, c, count) : load_floats(patches, (item * (length - 1) + position - 1) * width + c, count);
        v += load_some(positions, position * width + c, count);
        store_some(y, row * width + c, v, count);
    }
}
