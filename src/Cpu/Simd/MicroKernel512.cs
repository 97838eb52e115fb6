using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;

namespace Stof.Reference.Cpu.Simd;

/// <summary>
/// A tile of 12 x 32 outputs in 24 accumulators of sixteen lanes; two loads of B and twelve broadcasts of A feed 24 fused
/// multiply-adds, which leaves five of the 32 vector registers of AVX-512 for operands.
/// </summary>
internal static unsafe class MicroKernel512
{
    public const int Rows = 12;
    public const int Columns = 32;

    /// <summary>Adds A·B of one tile and one block of depth to C, or stores it where the chain starts here.</summary>
    /// <typeparam name="TRows">Rows that count; the JIT removes the code of the others.</typeparam>
    /// <param name="a">Packed row panel, at a group boundary of the depth.</param>
    /// <param name="b">Packed column panel at the same depth.</param>
    /// <param name="c">Accumulators, element (0, 0).</param>
    /// <param name="stride">Floats between rows of C.</param>
    /// <param name="depth">Number of products per element.</param>
    /// <param name="resume">True continues the chains that C holds; false starts them at zero.</param>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void Run<TRows>(float* a, float* b, float* c, nint stride, int depth, bool resume)
        where TRows : struct, ICount
    {
        Vector512<float> left0 = default, right0 = default;
        Vector512<float> left1 = default, right1 = default;
        Vector512<float> left2 = default, right2 = default;
        Vector512<float> left3 = default, right3 = default;
        Vector512<float> left4 = default, right4 = default;
        Vector512<float> left5 = default, right5 = default;
        Vector512<float> left6 = default, right6 = default;
        Vector512<float> left7 = default, right7 = default;
        Vector512<float> left8 = default, right8 = default;
        Vector512<float> left9 = default, right9 = default;
        Vector512<float> left10 = default, right10 = default;
        Vector512<float> left11 = default, right11 = default;
        if (resume)
        {
            var row = c;
            left0 = Vector512.Load(row);
            right0 = Vector512.Load(row + 16);

            if (TRows.Count > 1)
            {
                row += stride;
                left1 = Vector512.Load(row);
                right1 = Vector512.Load(row + 16);
            }

            if (TRows.Count > 2)
            {
                row += stride;
                left2 = Vector512.Load(row);
                right2 = Vector512.Load(row + 16);
            }

            if (TRows.Count > 3)
            {
                row += stride;
                left3 = Vector512.Load(row);
                right3 = Vector512.Load(row + 16);
            }

            if (TRows.Count > 4)
            {
                row += stride;
                left4 = Vector512.Load(row);
                right4 = Vector512.Load(row + 16);
            }

            if (TRows.Count > 5)
            {
                row += stride;
                left5 = Vector512.Load(row);
                right5 = Vector512.Load(row + 16);
            }

            if (TRows.Count > 6)
            {
                row += stride;
                left6 = Vector512.Load(row);
                right6 = Vector512.Load(row + 16);
            }

            if (TRows.Count > 7)
            {
                row += stride;
                left7 = Vector512.Load(row);
                right7 = Vector512.Load(row + 16);
            }

            if (TRows.Count > 8)
            {
                row += stride;
                left8 = Vector512.Load(row);
                right8 = Vector512.Load(row + 16);
            }

            if (TRows.Count > 9)
            {
                row += stride;
                left9 = Vector512.Load(row);
                right9 = Vector512.Load(row + 16);
            }

            if (TRows.Count > 10)
            {
                row += stride;
                left10 = Vector512.Load(row);
                right10 = Vector512.Load(row + 16);
            }

            if (TRows.Count > 11)
            {
                row += stride;
                left11 = Vector512.Load(row);
                right11 = Vector512.Load(row + 16);
            }
        }

        while (depth > 0)
        {
            var steps = Math.Min(depth, GemmLayout.DepthGroup);
            depth -= steps;
            var end = a + steps;
            var group = a;
            for (; group < end; group++)
            {
                var leftB = Vector512.Load(b);
                var rightB = Vector512.Load(b + 16);
                b += GemmLayout.PanelColumns;
                var a0 = Vector512.Create(*group);
                left0 = Vector512.FusedMultiplyAdd(a0, leftB, left0);
                right0 = Vector512.FusedMultiplyAdd(a0, rightB, right0);

                if (TRows.Count > 1)
                {
                    var a1 = Vector512.Create(group[GemmLayout.DepthGroup]);
                    left1 = Vector512.FusedMultiplyAdd(a1, leftB, left1);
                    right1 = Vector512.FusedMultiplyAdd(a1, rightB, right1);
                }

                if (TRows.Count > 2)
                {
                    var a2 = Vector512.Create(group[2 * GemmLayout.DepthGroup]);
                    left2 = Vector512.FusedMultiplyAdd(a2, leftB, left2);
                    right2 = Vector512.FusedMultiplyAdd(a2, rightB, right2);
                }

                if (TRows.Count > 3)
                {
                    var a3 = Vector512.Create(group[3 * GemmLayout.DepthGroup]);
                    left3 = Vector512.FusedMultiplyAdd(a3, leftB, left3);
                    right3 = Vector512.FusedMultiplyAdd(a3, rightB, right3);
                }

                if (TRows.Count > 4)
                {
                    var a4 = Vector512.Create(group[4 * GemmLayout.DepthGroup]);
                    left4 = Vector512.FusedMultiplyAdd(a4, leftB, left4);
                    right4 = Vector512.FusedMultiplyAdd(a4, rightB, right4);
                }

                if (TRows.Count > 5)
                {
                    var a5 = Vector512.Create(group[5 * GemmLayout.DepthGroup]);
                    left5 = Vector512.FusedMultiplyAdd(a5, leftB, left5);
                    right5 = Vector512.FusedMultiplyAdd(a5, rightB, right5);
                }

                if (TRows.Count > 6)
                {
                    var a6 = Vector512.Create(group[6 * GemmLayout.DepthGroup]);
                    left6 = Vector512.FusedMultiplyAdd(a6, leftB, left6);
                    right6 = Vector512.FusedMultiplyAdd(a6, rightB, right6);
                }

                if (TRows.Count > 7)
                {
                    var a7 = Vector512.Create(group[7 * GemmLayout.DepthGroup]);
                    left7 = Vector512.FusedMultiplyAdd(a7, leftB, left7);
                    right7 = Vector512.FusedMultiplyAdd(a7, rightB, right7);
                }

                if (TRows.Count > 8)
                {
                    var a8 = Vector512.Create(group[8 * GemmLayout.DepthGroup]);
                    left8 = Vector512.FusedMultiplyAdd(a8, leftB, left8);
                    right8 = Vector512.FusedMultiplyAdd(a8, rightB, right8);
                }

                if (TRows.Count > 9)
                {
                    var a9 = Vector512.Create(group[9 * GemmLayout.DepthGroup]);
                    left9 = Vector512.FusedMultiplyAdd(a9, leftB, left9);
                    right9 = Vector512.FusedMultiplyAdd(a9, rightB, right9);
                }

                if (TRows.Count > 10)
                {
                    var a10 = Vector512.Create(group[10 * GemmLayout.DepthGroup]);
                    left10 = Vector512.FusedMultiplyAdd(a10, leftB, left10);
                    right10 = Vector512.FusedMultiplyAdd(a10, rightB, right10);
                }

                if (TRows.Count > 11)
                {
                    var a11 = Vector512.Create(group[11 * GemmLayout.DepthGroup]);
                    left11 = Vector512.FusedMultiplyAdd(a11, leftB, left11);
                    right11 = Vector512.FusedMultiplyAdd(a11, rightB, right11);
                }
            }

            a += GemmLayout.GroupFloats;
        }

        left0.Store(c);
        right0.Store(c + 16);

        if (TRows.Count > 1)
        {
            c += stride;
            left1.Store(c);
            right1.Store(c + 16);
        }

        if (TRows.Count > 2)
        {
            c += stride;
            left2.Store(c);
            right2.Store(c + 16);
        }

        if (TRows.Count > 3)
        {
            c += stride;
            left3.Store(c);
            right3.Store(c + 16);
        }

        if (TRows.Count > 4)
        {
            c += stride;
            left4.Store(c);
            right4.Store(c + 16);
        }

        if (TRows.Count > 5)
        {
            c += stride;
            left5.Store(c);
            right5.Store(c + 16);
        }

        if (TRows.Count > 6)
        {
            c += stride;
            left6.Store(c);
            right6.Store(c + 16);
        }

        if (TRows.Count > 7)
        {
            c += stride;
            left7.Store(c);
            right7.Store(c + 16);
        }

        if (TRows.Count > 8)
        {
            c += stride;
            left8.Store(c);
            right8.Store(c + 16);
        }

        if (TRows.Count > 9)
        {
            c += stride;
            left9.Store(c);
            right9.Store(c + 16);
        }

        if (TRows.Count > 10)
        {
            c += stride;
            left10.Store(c);
            right10.Store(c + 16);
        }

        if (TRows.Count > 11)
        {
            c += stride;
            left11.Store(c);
            right11.Store(c + 16);
        }
    }
}
