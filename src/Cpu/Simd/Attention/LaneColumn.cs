using System.Runtime.CompilerServices;

namespace Stof.Reference.Cpu.Simd.Attention;

/// <summary>
/// The blocks of <see cref="LaneProduct"/> that are one register wide: sixteen queries of a part tile. Eight rows would load nine times for eight
/// multiply-adds and just cover their latency where a processor loads and multiplies twice in a cycle; sixteen rows load seventeen times for
/// sixteen. For 32 registers.
/// </summary>
internal static unsafe class LaneColumn
{
    /// <summary>Rows of a block.</summary>
    public const int Rows = 16;

    /// <summary>Computes blocks of rows: all of them but those that do not fill one.</summary>
    /// <param name="x">Operands.</param>
    /// <param name="rows">Rows, a multiple of <see cref="Rows"/>.</param>
    [SkipLocalsInit]
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void Blocks<TLanes, TVector>(in LaneOperands x, int rows)
        where TLanes : struct, IVectorLanes<TVector>
        where TVector : struct
    {
        var zero = TLanes.Create(0f);
        var (rowStep, depthStep, stride) = (x.RowStep, x.DepthStep, x.Stride);
        var (second, third) = (2 * rowStep, 3 * rowStep);
        for (var row = 0; row < rows; row += Rows)
        {
            TVector c0 = zero, c1 = zero, c2 = zero, c3 = zero;
            TVector c4 = zero, c5 = zero, c6 = zero, c7 = zero;
            TVector c8 = zero, c9 = zero, c10 = zero, c11 = zero;
            TVector c12 = zero, c13 = zero, c14 = zero, c15 = zero;
            var a0 = x.A + (row * rowStep);
            var a4 = a0 + (4 * rowStep);
            var a8 = a4 + (4 * rowStep);
            var a12 = a8 + (4 * rowStep);
            var b = x.B;
            for (var k = x.Depth; k > 0; k--)
            {
                var b0 = TLanes.Load(b);
                b += stride;
                c0 = TLanes.Fma(TLanes.Create(a0[0]), b0, c0);
                c1 = TLanes.Fma(TLanes.Create(a0[rowStep]), b0, c1);
                c2 = TLanes.Fma(TLanes.Create(a0[second]), b0, c2);
                c3 = TLanes.Fma(TLanes.Create(a0[third]), b0, c3);
                c4 = TLanes.Fma(TLanes.Create(a4[0]), b0, c4);
                c5 = TLanes.Fma(TLanes.Create(a4[rowStep]), b0, c5);
                c6 = TLanes.Fma(TLanes.Create(a4[second]), b0, c6);
                c7 = TLanes.Fma(TLanes.Create(a4[third]), b0, c7);
                c8 = TLanes.Fma(TLanes.Create(a8[0]), b0, c8);
                c9 = TLanes.Fma(TLanes.Create(a8[rowStep]), b0, c9);
                c10 = TLanes.Fma(TLanes.Create(a8[second]), b0, c10);
                c11 = TLanes.Fma(TLanes.Create(a8[third]), b0, c11);
                c12 = TLanes.Fma(TLanes.Create(a12[0]), b0, c12);
                c13 = TLanes.Fma(TLanes.Create(a12[rowStep]), b0, c13);
                c14 = TLanes.Fma(TLanes.Create(a12[second]), b0, c14);
                c15 = TLanes.Fma(TLanes.Create(a12[third]), b0, c15);
                a0 += depthStep;
                a4 += depthStep;
                a8 += depthStep;
                a12 += depthStep;
            }

            var c = x.C + (row * stride);
            if (x.IsAdded)
            {
                Add<TLanes, TVector>(c, c0);
                Add<TLanes, TVector>(c + stride, c1);
                Add<TLanes, TVector>(c + (2 * stride), c2);
                Add<TLanes, TVector>(c + (3 * stride), c3);
                Add<TLanes, TVector>(c + (4 * stride), c4);
                Add<TLanes, TVector>(c + (5 * stride), c5);
                Add<TLanes, TVector>(c + (6 * stride), c6);
                Add<TLanes, TVector>(c + (7 * stride), c7);
                Add<TLanes, TVector>(c + (8 * stride), c8);
                Add<TLanes, TVector>(c + (9 * stride), c9);
                Add<TLanes, TVector>(c + (10 * stride), c10);
                Add<TLanes, TVector>(c + (11 * stride), c11);
                Add<TLanes, TVector>(c + (12 * stride), c12);
                Add<TLanes, TVector>(c + (13 * stride), c13);
                Add<TLanes, TVector>(c + (14 * stride), c14);
                Add<TLanes, TVector>(c + (15 * stride), c15);
                continue;
            }

            TLanes.Store(c0, c);
            TLanes.Store(c1, c + stride);
            TLanes.Store(c2, c + (2 * stride));
            TLanes.Store(c3, c + (3 * stride));
            TLanes.Store(c4, c + (4 * stride));
            TLanes.Store(c5, c + (5 * stride));
            TLanes.Store(c6, c + (6 * stride));
            TLanes.Store(c7, c + (7 * stride));
            TLanes.Store(c8, c + (8 * stride));
            TLanes.Store(c9, c + (9 * stride));
            TLanes.Store(c10, c + (10 * stride));
            TLanes.Store(c11, c + (11 * stride));
            TLanes.Store(c12, c + (12 * stride));
            TLanes.Store(c13, c + (13 * stride));
            TLanes.Store(c14, c + (14 * stride));
            TLanes.Store(c15, c + (15 * stride));
            if (x.Largest is not null)
            {
                var found = TLanes.Max(Largest<TLanes, TVector>(c0, c1, c2, c3), TLanes.Load(x.Largest));
                found = TLanes.Max(Largest<TLanes, TVector>(c4, c5, c6, c7), found);
                found = TLanes.Max(Largest<TLanes, TVector>(c8, c9, c10, c11), found);
                TLanes.Store(TLanes.Max(Largest<TLanes, TVector>(c12, c13, c14, c15), found), x.Largest);
            }
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void Add<TLanes, TVector>(float* c, TVector sum)
        where TLanes : struct, IVectorLanes<TVector>
        where TVector : struct => TLanes.Store(TLanes.Add(TLanes.Load(c), sum), c);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static TVector Largest<TLanes, TVector>(TVector a, TVector b, TVector c, TVector d)
        where TLanes : struct, IVectorLanes<TVector>
        where TVector : struct => TLanes.Max(TLanes.Max(a, b), TLanes.Max(c, d));
}
