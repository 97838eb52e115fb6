using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;

namespace Stof.Reference.Cpu.Simd;

/// <summary>
/// A tile of 6 x 16 outputs in 12 accumulators of eight lanes, for processors with sixteen vector registers. Each output
/// element goes through the same chain of fused multiply-adds as in <see cref="MicroKernel512"/>.
/// </summary>
internal static unsafe class MicroKernel256
{
    public const int Rows = 6;
    public const int Columns = 16;

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
        Vector256<float> left0 = default, right0 = default;
        Vector256<float> left1 = default, right1 = default;
        Vector256<float> left2 = default, right2 = default;
        Vector256<float> left3 = default, right3 = default;
        Vector256<float> left4 = default, right4 = default;
        Vector256<float> left5 = default, right5 = default;
        if (resume)
        {
            var row = c;
            left0 = Vector256.Load(row);
            right0 = Vector256.Load(row + 8);

            if (TRows.Count > 1)
            {
                row += stride;
                left1 = Vector256.Load(row);
                right1 = Vector256.Load(row + 8);
            }

            if (TRows.Count > 2)
            {
                row += stride;
                left2 = Vector256.Load(row);
                right2 = Vector256.Load(row + 8);
            }

            if (TRows.Count > 3)
            {
                row += stride;
                left3 = Vector256.Load(row);
                right3 = Vector256.Load(row + 8);
            }

            if (TRows.Count > 4)
            {
                row += stride;
                left4 = Vector256.Load(row);
                right4 = Vector256.Load(row + 8);
            }

            if (TRows.Count > 5)
            {
                row += stride;
                left5 = Vector256.Load(row);
                right5 = Vector256.Load(row + 8);
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
                var leftB = Vector256.Load(b);
                var rightB = Vector256.Load(b + 8);
                b += GemmLayout.PanelColumns;
                var a0 = Vector256.Create(*group);
                left0 = Vector256.FusedMultiplyAdd(a0, leftB, left0);
                right0 = Vector256.FusedMultiplyAdd(a0, rightB, right0);

                if (TRows.Count > 1)
                {
                    var a1 = Vector256.Create(group[GemmLayout.DepthGroup]);
                    left1 = Vector256.FusedMultiplyAdd(a1, leftB, left1);
                    right1 = Vector256.FusedMultiplyAdd(a1, rightB, right1);
                }

                if (TRows.Count > 2)
                {
                    var a2 = Vector256.Create(group[2 * GemmLayout.DepthGroup]);
                    left2 = Vector256.FusedMultiplyAdd(a2, leftB, left2);
                    right2 = Vector256.FusedMultiplyAdd(a2, rightB, right2);
                }

                if (TRows.Count > 3)
                {
                    var a3 = Vector256.Create(group[3 * GemmLayout.DepthGroup]);
                    left3 = Vector256.FusedMultiplyAdd(a3, leftB, left3);
                    right3 = Vector256.FusedMultiplyAdd(a3, rightB, right3);
                }

                if (TRows.Count > 4)
                {
                    var a4 = Vector256.Create(group[4 * GemmLayout.DepthGroup]);
                    left4 = Vector256.FusedMultiplyAdd(a4, leftB, left4);
                    right4 = Vector256.FusedMultiplyAdd(a4, rightB, right4);
                }

                if (TRows.Count > 5)
                {
                    var a5 = Vector256.Create(group[5 * GemmLayout.DepthGroup]);
                    left5 = Vector256.FusedMultiplyAdd(a5, leftB, left5);
                    right5 = Vector256.FusedMultiplyAdd(a5, rightB, right5);
                }
            }

            a += GemmLayout.GroupFloats;
        }

        left0.Store(c);
        right0.Store(c + 8);

        if (TRows.Count > 1)
        {
            c += stride;
            left1.Store(c);
            right1.Store(c + 8);
        }

        if (TRows.Count > 2)
        {
            c += stride;
            left2.Store(c);
            right2.Store(c + 8);
        }

        if (TRows.Count > 3)
        {
            c += stride;
            left3.Store(c);
            right3.Store(c + 8);
        }

        if (TRows.Count > 4)
        {
            c += stride;
            left4.Store(c);
            right4.Store(c + 8);
        }

        if (TRows.Count > 5)
        {
            c += stride;
            left5.Store(c);
            right5.Store(c + 8);
        }
    }
}
