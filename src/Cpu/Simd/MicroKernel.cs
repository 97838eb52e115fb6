using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.Arm;

namespace Stof.Reference.Cpu.Simd;

/// <summary>Operands of one <see cref="MicroKernel{TLanes, TVector}"/> run.</summary>
internal unsafe struct MicroTile
{
    /// <summary>First of the tile's rows in a packed row panel, at a group boundary of the depth.</summary>
    public float* A;

    /// <summary>First of the tile's columns in a packed column panel, at the same depth.</summary>
    public byte* B;

    /// <summary><see cref="PackedMatrix.HalfFactor"/> of B.</summary>
    public float HalfFactor;

    /// <summary>Where B's columns go as floats, if its type <see cref="IPanelType.IsKept"/>.</summary>
    public float* Kept;

    /// <summary>Element (0, 0) of C; the second register of a row is <see cref="GemmLayout.PairDistance"/> columns on.</summary>
    public float* C;

    /// <summary>Floats between rows of C.</summary>
    public nint Stride;

    /// <summary>Number of products per element.</summary>
    public int Depth;

    /// <summary>True continues the chains that C holds; false starts them at zero.</summary>
    public bool Resume;

    /// <summary>Memory that will be read soon: one line is prefetched a step of depth, ...</summary>
    public byte* Ahead;

    /// <summary>... and this many bytes lie between two of them.</summary>
    public nint AheadStep;
}

/// <summary>
/// A tile of up to 12 rows by two registers of outputs, accumulated in registers over one block of depth; two registers of B
/// and one broadcast of A a row feed two fused multiply-adds a row. Twelve rows take 24 accumulators and leave room for operands
/// in the 32 registers of AVX-512 and NEON; hardware with sixteen registers takes six rows. Each output element is the same
/// chain of fused multiply-adds at every register width.
/// </summary>
/// <typeparam name="TLanes">The register width.</typeparam>
/// <typeparam name="TVector">The register.</typeparam>
internal static unsafe class MicroKernel<TLanes, TVector>
    where TLanes : struct, IVectorLanes<TVector>
    where TVector : struct
{
    /// <summary>Rows of a full tile.</summary>
    public static int Rows => Vector512.IsHardwareAccelerated || AdvSimd.IsSupported ? 12 : 6;

    /// <summary>Adds A·B of one tile and one block of depth to C, or stores it where the chain starts here.</summary>
    /// <typeparam name="TRows">Rows of the tile, at most <see cref="Rows"/>; the JIT removes the code of the others.</typeparam>
    /// <typeparam name="TPanel">How B is stored.</typeparam>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void Run<TRows, TPanel>(in MicroTile tile)
        where TRows : struct, ICount
        where TPanel : struct, IPanelType
    {
        var a = tile.A;
        var b = tile.B;
        var kept = tile.Kept;
        var c = tile.C;
        var stride = tile.Stride;
        var depth = tile.Depth;
        var ahead = tile.Ahead;
        var aheadStep = tile.AheadStep;
        var factor = TLanes.Create(tile.HalfFactor);
        var zero = TLanes.Create(0f);
        TVector left0 = zero, right0 = zero;
        TVector left1 = zero, right1 = zero;
        TVector left2 = zero, right2 = zero;
        TVector left3 = zero, right3 = zero;
        TVector left4 = zero, right4 = zero;
        TVector left5 = zero, right5 = zero;
        TVector left6 = zero, right6 = zero;
        TVector left7 = zero, right7 = zero;
        TVector left8 = zero, right8 = zero;
        TVector left9 = zero, right9 = zero;
        TVector left10 = zero, right10 = zero;
        TVector left11 = zero, right11 = zero;
        if (tile.Resume)
        {
            var row = c;
            left0 = TLanes.Load(row);
            right0 = TLanes.Load(row + GemmLayout.PairDistance);

            if (TRows.Count > 1)
            {
                row += stride;
                left1 = TLanes.Load(row);
                right1 = TLanes.Load(row + GemmLayout.PairDistance);
            }

            if (TRows.Count > 2)
            {
                row += stride;
                left2 = TLanes.Load(row);
                right2 = TLanes.Load(row + GemmLayout.PairDistance);
            }

            if (TRows.Count > 3)
            {
                row += stride;
                left3 = TLanes.Load(row);
                right3 = TLanes.Load(row + GemmLayout.PairDistance);
            }

            if (TRows.Count > 4)
            {
                row += stride;
                left4 = TLanes.Load(row);
                right4 = TLanes.Load(row + GemmLayout.PairDistance);
            }

            if (TRows.Count > 5)
            {
                row += stride;
                left5 = TLanes.Load(row);
                right5 = TLanes.Load(row + GemmLayout.PairDistance);
            }

            if (TRows.Count > 6)
            {
                row += stride;
                left6 = TLanes.Load(row);
                right6 = TLanes.Load(row + GemmLayout.PairDistance);
            }

            if (TRows.Count > 7)
            {
                row += stride;
                left7 = TLanes.Load(row);
                right7 = TLanes.Load(row + GemmLayout.PairDistance);
            }

            if (TRows.Count > 8)
            {
                row += stride;
                left8 = TLanes.Load(row);
                right8 = TLanes.Load(row + GemmLayout.PairDistance);
            }

            if (TRows.Count > 9)
            {
                row += stride;
                left9 = TLanes.Load(row);
                right9 = TLanes.Load(row + GemmLayout.PairDistance);
            }

            if (TRows.Count > 10)
            {
                row += stride;
                left10 = TLanes.Load(row);
                right10 = TLanes.Load(row + GemmLayout.PairDistance);
            }

            if (TRows.Count > 11)
            {
                row += stride;
                left11 = TLanes.Load(row);
                right11 = TLanes.Load(row + GemmLayout.PairDistance);
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
                Prefetch.ToSecondLevel(ahead);
                ahead += aheadStep;
                var (leftB, rightB) = TPanel.Load<TLanes, TVector>(b, factor);
                b += TPanel.StepBytes;
                if (TPanel.IsKept)
                {
                    TLanes.Store(leftB, kept);
                    TLanes.Store(rightB, kept + GemmLayout.PairDistance);
                    kept += GemmLayout.PanelColumns;
                }

                var a0 = TLanes.Create(*group);
                left0 = TLanes.Fma(a0, leftB, left0);
                right0 = TLanes.Fma(a0, rightB, right0);

                if (TRows.Count > 1)
                {
                    var a1 = TLanes.Create(group[GemmLayout.DepthGroup]);
                    left1 = TLanes.Fma(a1, leftB, left1);
                    right1 = TLanes.Fma(a1, rightB, right1);
                }

                if (TRows.Count > 2)
                {
                    var a2 = TLanes.Create(group[2 * GemmLayout.DepthGroup]);
                    left2 = TLanes.Fma(a2, leftB, left2);
                    right2 = TLanes.Fma(a2, rightB, right2);
                }

                if (TRows.Count > 3)
                {
                    var a3 = TLanes.Create(group[3 * GemmLayout.DepthGroup]);
                    left3 = TLanes.Fma(a3, leftB, left3);
                    right3 = TLanes.Fma(a3, rightB, right3);
                }

                if (TRows.Count > 4)
                {
                    var a4 = TLanes.Create(group[4 * GemmLayout.DepthGroup]);
                    left4 = TLanes.Fma(a4, leftB, left4);
                    right4 = TLanes.Fma(a4, rightB, right4);
                }

                if (TRows.Count > 5)
                {
                    var a5 = TLanes.Create(group[5 * GemmLayout.DepthGroup]);
                    left5 = TLanes.Fma(a5, leftB, left5);
                    right5 = TLanes.Fma(a5, rightB, right5);
                }

                if (TRows.Count > 6)
                {
                    var a6 = TLanes.Create(group[6 * GemmLayout.DepthGroup]);
                    left6 = TLanes.Fma(a6, leftB, left6);
                    right6 = TLanes.Fma(a6, rightB, right6);
                }

                if (TRows.Count > 7)
                {
                    var a7 = TLanes.Create(group[7 * GemmLayout.DepthGroup]);
                    left7 = TLanes.Fma(a7, leftB, left7);
                    right7 = TLanes.Fma(a7, rightB, right7);
                }

                if (TRows.Count > 8)
                {
                    var a8 = TLanes.Create(group[8 * GemmLayout.DepthGroup]);
                    left8 = TLanes.Fma(a8, leftB, left8);
                    right8 = TLanes.Fma(a8, rightB, right8);
                }

                if (TRows.Count > 9)
                {
                    var a9 = TLanes.Create(group[9 * GemmLayout.DepthGroup]);
                    left9 = TLanes.Fma(a9, leftB, left9);
                    right9 = TLanes.Fma(a9, rightB, right9);
                }

                if (TRows.Count > 10)
                {
                    var a10 = TLanes.Create(group[10 * GemmLayout.DepthGroup]);
                    left10 = TLanes.Fma(a10, leftB, left10);
                    right10 = TLanes.Fma(a10, rightB, right10);
                }

                if (TRows.Count > 11)
                {
                    var a11 = TLanes.Create(group[11 * GemmLayout.DepthGroup]);
                    left11 = TLanes.Fma(a11, leftB, left11);
                    right11 = TLanes.Fma(a11, rightB, right11);
                }
            }

            a += GemmLayout.GroupFloats;
        }

        TLanes.Store(left0, c);
        TLanes.Store(right0, c + GemmLayout.PairDistance);

        if (TRows.Count > 1)
        {
            c += stride;
            TLanes.Store(left1, c);
            TLanes.Store(right1, c + GemmLayout.PairDistance);
        }

        if (TRows.Count > 2)
        {
            c += stride;
            TLanes.Store(left2, c);
            TLanes.Store(right2, c + GemmLayout.PairDistance);
        }

        if (TRows.Count > 3)
        {
            c += stride;
            TLanes.Store(left3, c);
            TLanes.Store(right3, c + GemmLayout.PairDistance);
        }

        if (TRows.Count > 4)
        {
            c += stride;
            TLanes.Store(left4, c);
            TLanes.Store(right4, c + GemmLayout.PairDistance);
        }

        if (TRows.Count > 5)
        {
            c += stride;
            TLanes.Store(left5, c);
            TLanes.Store(right5, c + GemmLayout.PairDistance);
        }

        if (TRows.Count > 6)
        {
            c += stride;
            TLanes.Store(left6, c);
            TLanes.Store(right6, c + GemmLayout.PairDistance);
        }

        if (TRows.Count > 7)
        {
            c += stride;
            TLanes.Store(left7, c);
            TLanes.Store(right7, c + GemmLayout.PairDistance);
        }

        if (TRows.Count > 8)
        {
            c += stride;
            TLanes.Store(left8, c);
            TLanes.Store(right8, c + GemmLayout.PairDistance);
        }

        if (TRows.Count > 9)
        {
            c += stride;
            TLanes.Store(left9, c);
            TLanes.Store(right9, c + GemmLayout.PairDistance);
        }

        if (TRows.Count > 10)
        {
            c += stride;
            TLanes.Store(left10, c);
            TLanes.Store(right10, c + GemmLayout.PairDistance);
        }

        if (TRows.Count > 11)
        {
            c += stride;
            TLanes.Store(left11, c);
            TLanes.Store(right11, c + GemmLayout.PairDistance);
        }
    }
}
