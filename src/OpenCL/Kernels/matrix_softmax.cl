// The online softmax of a warp's sixteen queries in the registers of its products: a lane holds two rows (g and g + 8), two neighbouring columns of each
// in every tile of eight. Weights are relative to a score m that was the row's largest when it was taken; it is taken anew only where a score exceeds it
// by HEADROOM powers of two. Largest scores are shared by the four lanes of a row; sums are each lane's own until the end. Those
// that O is divided by are column 0 of a product of the rounded weights with ones: l[0] of its upper row, l[2] of its lower one. LSE wants them exact: where
// HAS_LSE the weights are added too, beside them in l[1] and l[3], which that product leaves as they are.
//
// Parameters: those of attention_blockwise_matrix.cl.

// Two of a lane's numbers of each tile: row is 0 for its upper, 2 for its lower one.
float largest_of(float (*s)[4], const int row)
{
    float top[4];
    UNROLL
    for (int i = 0; i < 4; i++)
    {
        top[i] = fmax(s[i][row], s[i][row + 1]);
    }

    UNROLL
    for (int n = 4; n < KEY_TILES; n++)
    {
        top[n % 4] = fmax(top[n % 4], fmax(s[n][row], s[n][row + 1]));
    }

    return fmax(fmax(top[0], top[1]), fmax(top[2], top[3]));
}

#if HAS_LSE

float sum_of_row(float (*s)[4], const int row)
{
    float sum[4];
    UNROLL
    for (int i = 0; i < 4; i++)
    {
        sum[i] = s[i][row] + s[i][row + 1];
    }

    UNROLL
    for (int n = 4; n < KEY_TILES; n++)
    {
        sum[n % 4] += s[n][row] + s[n][row + 1];
    }

    return (sum[0] + sum[1]) + (sum[2] + sum[3]);
}

#endif

// The sum of a value of the four lanes that share a row.
float sum_of_four(float x, local uint *exchange)
{
    x += shuffle_xor(x, 1, exchange);
    return x + shuffle_xor(x, 2, exchange);
}

// Weights up to 2^8: as exact in 16 bits as those up to 1, and far from 65,504, the largest number of F16.
#define HEADROOM 8.0f

// What is added to scores times scale: relative to 0 where there is nothing but minus infinity, which must not be subtracted from itself.
float base_of(float m, float scale) { return m == -INFINITY ? 0.0f : -m * scale; }

// A tile's scores of sixteen queries become weights; o and l are made relative to a new m where there is one.
void take_in(float (*s)[4], float *m, float *l, float (*output)[4], float scale, float headroom, local uint *exchange)
{
    float top[2];
    UNROLL
    for (int half_row = 0; half_row < 2; half_row++)
    {
        top[half_row] = largest_of(s, 2 * half_row);
        top[half_row] = fmax(top[half_row], shuffle_xor(top[half_row], 1, exchange));
        top[half_row] = fmax(top[half_row], shuffle_xor(top[half_row], 2, exchange));
    }

    if (top[0] > m[0] + headroom || top[1] > m[1] + headroom)
    {
        UNROLL
        for (int half_row = 0; half_row < 2; half_row++)
        {
            const int row = 2 * half_row, grows = top[half_row] > m[half_row] + headroom;
            const float largest = grows ? top[half_row] : m[half_row];
            const float shrink = grows ? power_of_two(fma(m[half_row], scale, base_of(largest, scale))) : 1.0f;
            m[half_row] = largest;
            l[row] *= shrink;
            l[row + 1] *= shrink;
            UNROLL
            for (int n = 0; n < VALUE_TILES; n++)
            {
                output[n][row] *= shrink;
                output[n][row + 1] *= shrink;
            }
        }
    }

    UNROLL
    for (int half_row = 0; half_row < 2; half_row++)
    {
        const int row = 2 * half_row;
        const float base = base_of(m[half_row], scale);
        UNROLL
        for (int n = 0; n < KEY_TILES; n++)
        {
            s[n][row] = power_of_two(fma(s[n][row], scale, base));
            s[n][row + 1] = power_of_two(fma(s[n][row + 1], scale, base));
        }

#if HAS_LSE
        l[row + 1] += sum_of_row(s, row);
#endif
    }
}
