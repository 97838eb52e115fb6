using System.Runtime.CompilerServices;
using Stof.Reference.Numerics;

namespace Stof.Reference.Cpu.Simd;

/// <summary>
/// Packs rows of A, widened to float and optionally normalised on the way, into the layout of <see cref="GemmLayout"/>.
/// </summary>
internal static unsafe class RowPacking
{
    /// <summary>Packs a block of rows over the whole depth; nothing is written where the last panel has no row.</summary>
    /// <param name="source">The rows [rows, depth].</param>
    /// <param name="norm">Normalisation of every row, if any.</param>
    /// <param name="scratch">Room for one row in float, used if there is a norm.</param>
    /// <param name="destination">Room for whole row panels.</param>
    public static void Run(in MatrixView source, in PinnedNorm norm, float* scratch, float* destination)
    {
        switch (source.Type)
        {
            case DType.F16:
                Run<ElementF16>(in source, in norm, scratch, destination);
                break;
            case DType.BF16:
                Run<ElementBF16>(in source, in norm, scratch, destination);
                break;
            default:
                Run<ElementF32>(in source, in norm, scratch, destination);
                break;
        }
    }

    private static void Run<T>(in MatrixView source, in PinnedNorm norm, float* scratch, float* destination)
        where T : struct, IElement
    {
        var depth = source.Columns;
        for (var row = 0; row < source.Rows; row++)
        {
            var from = (byte*)source.Address + (row * source.StrideBytes);
            var to = destination
                + (row / GemmLayout.PanelRows * GemmLayout.RowPanelFloats(depth))
                + (row % GemmLayout.PanelRows * GemmLayout.DepthGroup);
            if (norm.IsPresent)
            {
                Widen<T>(from, depth, scratch, GemmLayout.DepthGroup);
                NormRow.Apply<ElementF32>(scratch, depth, in norm, (byte*)to, GemmLayout.GroupFloats * sizeof(float));
            }
            else
            {
                Widen<T>(from, depth, to, GemmLayout.GroupFloats);
            }
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void Widen<T>(byte* source, int count, float* destination, int groupFloats)
        where T : struct, IElement
    {
        var groups = count / GemmLayout.DepthGroup;
        for (var group = 0; group < groups; group++)
        {
            ElementF32.Store((byte*)destination, T.Load(source));
            source += GemmLayout.DepthGroup * T.Size;
            destination += groupFloats;
        }

        var tail = count % GemmLayout.DepthGroup;
        if (tail != 0)
        {
            ElementF32.Store((byte*)destination, PartialElements.Load<T>(source, tail));
        }
    }
}
