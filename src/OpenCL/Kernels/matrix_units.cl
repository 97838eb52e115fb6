// Matrix units: m16n8k16 of 16-bit numbers with float sums, by NVIDIA's inline PTX, or emulated through local memory so that kernels written for
// them run (slowly) on every device. With g = lane / 4 and t = lane % 4 (PTX ISA, "Matrix Fragments for mma.m16n8k16"):
//   A: a[r] holds row g + 8 (r & 1), columns 2 t + 8 (r >> 1) and the next;  B: b[r] holds rows 2 t + 8 r and the next, column g;
//   C: c[r] is row g + 8 (r >> 1), column 2 t + (r & 1).
//
// Parameters: IS_EMULATED, WARPS, and those of numbers.cl with TYPE F16 or BF16.

#include "numbers.cl"

#if IS_EMULATED
#define UNROLL
#else
#define UNROLL _Pragma("unroll")
#endif

// Two floats in a word, nearest-even, the first in the low half.
uint pack_pair(float low, float high)
{
#if IS_EMULATED && TYPE == TYPE_F16
    ushort pair[2];
    vstore_half_rte(low, 0, (half *)pair);
    vstore_half_rte(high, 1, (half *)pair);
    return (uint)pair[0] | ((uint)pair[1] << 16);
#elif IS_EMULATED
    const uint2 u = as_uint2((float2)(low, high));
    const uint2 r = (u + 0x7fffu + ((u >> 16) & 1u)) >> 16;
    const uint2 q = (uint2)(isnan(low) ? (u.x >> 16) | 0x40u : r.x, isnan(high) ? (u.y >> 16) | 0x40u : r.y);
    return q.x | (q.y << 16);
#else
    uint pair;
#if TYPE == TYPE_F16
    asm("cvt.rn.f16x2.f32 %0, %1, %2;" : "=r"(pair) : "f"(high), "f"(low));
#else
    asm("cvt.rn.bf16x2.f32 %0, %1, %2;" : "=r"(pair) : "f"(high), "f"(low));
#endif
    return pair;
#endif
}

#if IS_EMULATED

// A word for each of six registers of each lane, and a float for shuffles.
#define EMULATION_WORDS (32 * WARPS * 6)

float unpack(uint pair, int element)
{
    const ushort bits = (ushort)(element ? pair >> 16 : pair & 0xffffu);
#if TYPE == TYPE_F16
    return vload_half(0, (const half *)&bits);
#else
    return as_float((uint)bits << 16);
#endif
}

void multiply_add(float *c, const uint *a, const uint *b, local uint *exchange)
{
    const int me = get_local_id(0), warp = me / 32 * 32, g = me % 32 / 4, t = me % 4;
    barrier(CLK_LOCAL_MEM_FENCE);
    for (int r = 0; r < 4; r++)
    {
        exchange[me * 6 + r] = a[r];
    }

    exchange[me * 6 + 4] = b[0];
    exchange[me * 6 + 5] = b[1];
    barrier(CLK_LOCAL_MEM_FENCE);
    for (int r = 0; r < 4; r++)
    {
        const int upper = r >> 1, column = 2 * t + (r & 1);
        float sum = c[r];
        for (int k = 0; k < 16; k++)
        {
            const int lane_of_k = k % 8 / 2;
            const uint from_a = exchange[(warp + 4 * g + lane_of_k) * 6 + upper + 2 * (k / 8)];
            const uint from_b = exchange[(warp + 4 * column + lane_of_k) * 6 + 4 + k / 8];
            sum += unpack(from_a, k & 1) * unpack(from_b, k & 1);
        }

        c[r] = sum;
    }
}

float shuffle_xor(float x, int distance, local uint *exchange)
{
    const int me = get_local_id(0);
    barrier(CLK_LOCAL_MEM_FENCE);
    exchange[me] = as_uint(x);
    barrier(CLK_LOCAL_MEM_FENCE);
    return as_float(exchange[me ^ distance]);
}

#else

#define EMULATION_WORDS 1

void multiply_add(float *c, const uint *a, const uint *b, local uint *exchange)
{
#if TYPE == TYPE_F16
    asm volatile("mma.sync.aligned.m16n8k16.row.col.f32.f16.f16.f32 {%0,%1,%2,%3}, {%4,%5,%6,%7}, {%8,%9}, {%0,%1,%2,%3};"
        : "+f"(c[0]), "+f"(c[1]), "+f"(c[2]), "+f"(c[3]) : "r"(a[0]), "r"(a[1]), "r"(a[2]), "r"(a[3]), "r"(b[0]), "r"(b[1]));
#else
    asm volatile("mma.sync.aligned.m16n8k16.row.col.f32.bf16.bf16.f32 {%0,%1,%2,%3}, {%4,%5,%6,%7}, {%8,%9}, {%0,%1,%2,%3};"
        : "+f"(c[0]), "+f"(c[1]), "+f"(c[2]), "+f"(c[3]) : "r"(a[0]), "r"(a[1]), "r"(a[2]), "r"(a[3]), "r"(b[0]), "r"(b[1]));
#endif
}

float shuffle_xor(float x, int distance, local uint *exchange)
{
    float y;
    asm volatile("shfl.sync.bfly.b32 %0, %1, %2, 0x1f, 0xffffffff;" : "=f"(y) : "f"(x), "r"(distance));
    return y;
}

#endif
