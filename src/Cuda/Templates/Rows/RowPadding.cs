using Stof.Reference.Cuda.Ptx;
using Stof.Reference.Numerics;

namespace Stof.Reference.Cuda.Templates;

/// <summary>What lies between a row's last column and the next row: zeros, for whoever reads whole units of sixteen bytes.</summary>
internal static class RowPadding
{
    /// <summary>Writes a row's padding, an element a lane.</summary>
    public static void Store(KernelBuilder b, DType type, int columns, B64 row, B32 lane)
    {
        if (RowPitch.Of(type, columns) == columns)
        {
            return;
        }

        var column = b.Add(lane, columns);
        b.If(b.CompareU32(Comparison.Less, column, RowPitch.Of(type, columns)), () =>
        {
            var address = b.Element(row, column, type.Size());
            if (type == DType.F32)
            {
                b.StoreGlobal<F32>(address, 0f);
            }
            else
            {
                b.StoreGlobal(address, B16.Constant(0));
            }
        });
    }
}
