// Matrix units: m16n8k16 of 16-bit numbers with float sums, and what feeds them, by NVIDIA's inline PTX, or emulated in ordinary code so that kernels
// written for them run (slowly) on every device. With g = lane / 4 and t = lane % 4 (PTX ISA, "Matrix Fragments for mma.m16n8k16"):
//   A: a[r] holds row g + 8 (r & 1), columns 2 t + 8 (r >> 1) and the next;  B: b[r] holds rows 2 t + 8 r and the next, column g;
//   C: c[r] is row g + 8 (r >> 1), column 2 t + (r & 1).
//
// Tiles in local memory are rows of chunks, sixteen bytes each, in places where the chunks that a warp reads at a time lie in different banks: rows of 2, 4
// or a multiple of 8 chunks are an odd number apart where PADS_ROWS, which costs memory, else permuted by their number, which costs registers.
//
// Parameters: IS_EMULATED, WARPS, PADS_ROWS, and those of numbers.cl with TYPE F16 or BF16.

#include "numbers.cl"

#if IS_EMULATED
#define UNROLL
#define EXCHANGE local uint exchange[32 * WARPS * 6]; // a word for each of six registers of each lane
#else
#define UNROLL _Pragma("unroll")
#define EXCHANGE local uint *exchange = 0;
#endif

#define IS_PERMUTED(chunks) (!PADS_ROWS && ((chunks) == 2 || (chunks) == 4 || (chunks) % 8 == 0))
#define PITCH(chunks) (IS_PERMUTED(chunks) ? (chunks) : (chunks) | 1)
#define PLACES(chunks) (!IS_PERMUTED(chunks) || (chunks) == 2 ? 1 : (chunks) == 4 ? 2 : 4) // steps of two chunks after which permutations repeat

// Where a chunk of a row lies. Eight rows on it is as much further for every chunk.
int place(int row, int chunk, const int chunks)
{
    const int turn = !IS_PERMUTED(chunks) ? 0 : chunks % 8 == 0 ? row & 7 : chunks == 4 ? row >> 1 & 3 : chunks == 2 ? row >> 2 & 1 : 0;
    return row * PITCH(chunks) + (chunk ^ turn);
}

#if !IS_EMULATED

// Two floats in a word, nearest-even, the first in the low half.
uint pack_pair(float low, float high)
{
    uint pair;
#if TYPE == TYPE_F16
    asm("cvt.rn.f16x2.f32 %0, %1, %2;" : "=r"(pair) : "f"(high), "f"(low));
#else
    asm("cvt.rn.bf16x2.f32 %0, %1, %2;" : "=r"(pair) : "f"(high), "f"(low));
#endif
    return pair;
}

// 2^x to two units in the last place.
float power_of_two(float x)
{
    float y;
    asm("ex2.approx.ftz.f32 %0, %1;" : "=f"(y) : "f"(x));
    return y;
}

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

// What a warp's lanes wrote to local memory is there for its other lanes.
void await_warp(void) { asm volatile("bar.warp.sync 0xffffffff;" : : : "memory"); }

// Addresses of local memory have 32 bits, of which compilers make 64 where they are pointers.
typedef uint tile_pointer;
tile_pointer point_to(local uint4 *p) { return (uint)(ulong)p; }
tile_pointer chunks_on(tile_pointer p, int chunks) { return p + 16 * chunks; }

// Starts to copy a chunk to local memory; zeros where there is none.
void copy_chunk(tile_pointer to, const global uint4 *from, int is_there)
{
    asm volatile("cp.async.cg.shared.global [%0], [%1], 16, %2;" : : "r"(to), "l"((ulong)from), "r"(is_there ? 16 : 0) : "memory");
}

// The copies started since the last call are a group.
void commit_copies(void) { asm volatile("cp.async.commit_group;" : : : "memory"); }

// Waits until at most so many groups of this work-item are on their way.
#define AWAIT_COPIES(groups) asm volatile("cp.async.wait_group %0;" : : "n"(groups) : "memory")

// Where a lane's rows of four matrices lie, at the first row of a tile and at steps that are permuted each in its own way: addresses of the others are
// a constant away, which costs a load nothing.
void find_places(int *places, const int chunks, const int is_below_first)
{
    const int lane = get_local_id(0) & 31;
    const int below = is_below_first ? lane >> 3 & 1 : lane >> 4, right = is_below_first ? lane >> 4 : lane >> 3 & 1;
    UNROLL
    for (int i = 0; i < PLACES(chunks); i++)
    {
        places[i] = place(8 * below + (lane & 7), 2 * i + right, chunks);
    }
}

// Four matrices of 8 x 8 from a tile: at a row that is a multiple of 8 and a step of two chunks, and those below, to the right and across, the one below
// first or second. Transposed, a word holds two rows of a column.
void load_matrices(uint *r, tile_pointer tile, const int *places, const int chunks, int row, int step, const int is_below_first, const int is_transposed)
{
    const tile_pointer address = chunks_on(tile, row * PITCH(chunks) + places[step % PLACES(chunks)] + step / PLACES(chunks) * PLACES(chunks) * 2);
    if (is_transposed)
    {
        asm volatile("ldmatrix.sync.aligned.m8n8.x4.trans.shared.b16 {%0,%1,%2,%3}, [%4];"
            : "=r"(r[0]), "=r"(r[1]), "=r"(r[2]), "=r"(r[3]) : "r"(address) : "memory");
    }
    else
    {
        asm volatile("ldmatrix.sync.aligned.m8n8.x4.shared.b16 {%0,%1,%2,%3}, [%4];"
            : "=r"(r[0]), "=r"(r[1]), "=r"(r[2]), "=r"(r[3]) : "r"(address) : "memory");
    }
}

// Numbers for other work-groups of the launch.
void publish(global float *p, float x) { *p = x; }
float published(const global float *p) { return *p; }

// All that this work-item, and those it has met at a barrier, published comes before what it does next, for the whole device.
void order_globally(void) { asm volatile("fence.acq_rel.gpu;" : : : "memory"); }

#else

uint pack_pair(float low, float high)
{
#if TYPE == TYPE_F16
    ushort pair[2];
    vstore_half_rte(low, 0, (half *)pair);
    vstore_half_rte(high, 1, (half *)pair);
    return (uint)pair[0] | ((uint)pair[1] << 16);
#else
    const uint2 u = as_uint2((float2)(low, high));
    const uint2 r = (u + 0x7fffu + ((u >> 16) & 1u)) >> 16;
    const uint2 q = (uint2)(isnan(low) ? (u.x >> 16) | 0x40u : r.x, isnan(high) ? (u.y >> 16) | 0x40u : r.y);
    return q.x | (q.y << 16);
#endif
}

float unpack(uint pair, int element)
{
    const ushort bits = (ushort)(element ? pair >> 16 : pair & 0xffffu);
#if TYPE == TYPE_F16
    return vload_half(0, (const half *)&bits);
#else
    return as_float((uint)bits << 16);
#endif
}

float power_of_two(float x) { return exp2(x); }

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

// Those who call these do so together, as they reach a barrier.
void await_warp(void) { barrier(CLK_LOCAL_MEM_FENCE); }

typedef local uint4 *tile_pointer;
tile_pointer point_to(local uint4 *p) { return p; }
tile_pointer chunks_on(tile_pointer p, int chunks) { return p + chunks; }

void copy_chunk(tile_pointer to, const global uint4 *from, int is_there) { *to = is_there ? *from : (uint4)0u; }

void commit_copies(void) { }

#define AWAIT_COPIES(groups)

void find_places(int *places, const int chunks, const int is_below_first) { places[0] = 0; }

void load_matrices(uint *r, tile_pointer tile, const int *places, const int chunks, int row, int step, const int is_below_first, const int is_transposed)
{
    const int lane = get_local_id(0) & 31, g = lane / 4, t = lane % 4, chunk = 2 * step;
    for (int i = 0; i < 4; i++)
    {
        const int below = is_below_first ? i & 1 : i >> 1, right = is_below_first ? i >> 1 : i & 1;
        const int first = row + 8 * below;
        if (is_transposed)
        {
            const local ushort *halves = (const local ushort *)tile;
            const uint low = halves[8 * place(first + 2 * t, chunk + right, chunks) + g];
            const uint high = halves[8 * place(first + 2 * t + 1, chunk + right, chunks) + g];
            r[i] = low | high << 16;
        }
        else
        {
            r[i] = ((const local uint *)tile)[4 * place(first + g, chunk + right, chunks) + t];
        }
    }
}

// OpenCL C 1.2 promises work-groups no order but that of atomic operations on each number.
void publish(global float *p, float x) { atomic_xchg((volatile global int *)p, as_int(x)); }
float published(global float *p) { return as_float(atomic_add((volatile global int *)p, 0)); }
void order_globally(void) { mem_fence(CLK_GLOBAL_MEM_FENCE); }

#endif
