// States of key ranges, a lane's part of those of sixteen queries: (m1, l1, o1) + (m2, l2, o2) + ... in ascending order, whether groups of warps leave
// them to the first in local memory, or work-groups to the last in global memory. A range that has seen no key is the identity.
//
// Parameters: those of attention_blockwise_matrix.cl.

// The state of an empty range.
void clear(float *m, float *l, uint *seen, float (*output)[4])
{
    *seen = 0;
    m[0] = m[1] = -INFINITY;
    l[0] = l[1] = l[2] = l[3] = 0.0f;
    UNROLL
    for (int i = 0; i < 4 * VALUE_TILES; i++)
    {
        output[i / 4][i % 4] = 0.0f;
    }
}

void pack_state(float *state, const float *m, const float *l, uint seen, float (*output)[4])
{
    state[0] = m[0];
    state[1] = m[1];
    state[2] = as_float(seen);
    UNROLL
    for (int i = 0; i < 4; i++)
    {
        state[3 + i] = l[i];
    }

    UNROLL
    for (int i = 0; i < 4 * VALUE_TILES; i++)
    {
        state[7 + i] = output[i / 4][i % 4];
    }
}

void take_over(const float *state, float *m, float *l, uint *seen, float (*output)[4], float scale)
{
    float mine[2], others[2];
    UNROLL
    for (int i = 0; i < 2; i++)
    {
        const float top = fmax(m[i], state[i]);
        const float base = base_of(top, scale);
        mine[i] = power_of_two(fma(m[i], scale, base));
        others[i] = power_of_two(fma(state[i], scale, base));
        l[2 * i] = l[2 * i] * mine[i] + state[3 + 2 * i] * others[i];
        l[2 * i + 1] = l[2 * i + 1] * mine[i] + state[4 + 2 * i] * others[i];
        m[i] = top;
    }

    *seen |= as_uint(state[2]);
    UNROLL
    for (int i = 0; i < 4 * VALUE_TILES; i++)
    {
        const int half_row = i % 4 / 2;
        output[i / 4][i % 4] = output[i / 4][i % 4] * mine[half_row] + state[7 + i] * others[half_row];
    }
}

// Whether this work-group is the last of so many to come here; it then finds what the others published before they came, and the count is zero again
// for the next launch.
bool comes_last(global int *arrivals, int groups, local int *told)
{
    order_globally();
    barrier(CLK_LOCAL_MEM_FENCE);
    if (get_local_id(0) == 0)
    {
        *told = atomic_inc((volatile global int *)arrivals) == groups - 1;
    }

    barrier(CLK_LOCAL_MEM_FENCE);
    const bool is_last = *told;
    if (is_last)
    {
        order_globally();
        if (get_local_id(0) == 0)
        {
            atomic_xchg((volatile global int *)arrivals, 0);
        }
    }

    return is_last;
}
