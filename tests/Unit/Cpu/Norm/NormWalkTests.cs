using Stof.Reference.Cpu.Simd;
using Stof.Reference.Numerics;
using Stof.Reference.Tensors;

namespace Stof.Reference.Unit.Tests.Cpu.Norm;

/// <summary>Rows that are normalised three at a time.</summary>
public sealed unsafe class NormWalkTests
{
    // None, one, two and more rows at the ends; whole chunks, groups and single elements.
    [Theory]
    [InlineData(DType.F32)]
    [InlineData(DType.F16)]
    [InlineData(DType.BF16)]
    public void A_row_has_the_bits_that_it_has_alone(DType type)
    {
        foreach (var rows in new[] { 1, 2, 3, 4, 9 })
        {
            foreach (var columns in new[] { 1, 15, 16, 63, 64, 65, 128, 256 + 32 + 5 })
            {
                foreach (var norm in new[] { RowNorm.Layer(Values(1, columns), Values(2, columns)), RowNorm.Rms(Values(3, columns)) })
                {
                    var expected = Run(type, rows, columns, norm, isWalked: false, RowEnd.Stored);
                    Assert.Equal(expected, Run(type, rows, columns, norm, isWalked: true, RowEnd.Stored));
                    Assert.Equal(expected, Run(type, rows, columns, norm, isWalked: true, RowEnd.Streamed));
                }
            }
        }
    }

    private static byte[] Run(DType type, int rows, int columns, RowNorm norm, bool isWalked, RowEnd end)
    {
        var stride = (columns + 63) / 64 * 64;
        var x = MatrixView.Of(HostTensor.From(Values(4, rows * stride), rows, stride));
        var target = HostTensor.Zeros(type, rows, stride);
        var y = MatrixView.Of(target);
        using var pinned = new PinnedNorm(norm);
        var map = new RowMapArguments
        {
            First = (byte*)x.Address,
            InputStride = x.StrideBytes,
            Output = (byte*)y.Address,
            OutputStride = y.StrideBytes,
            OutputGroupStride = 16 * type.Size(),
            Rows = rows,
            Columns = columns,
            InputAhead = 64,
            End = end,
        };
        switch (type)
        {
            case DType.F16:
                Run<ElementF16>(map, pinned, isWalked);
                break;
            case DType.BF16:
                Run<ElementBF16>(map, pinned, isWalked);
                break;
            default:
                Run<ElementF32>(map, pinned, isWalked);
                break;
        }

        RowKernel.Finish(end);
        GC.KeepAlive(x);
        return target.Bytes.ToArray();
    }

    private static void Run<T>(in RowMapArguments map, in PinnedNorm norm, bool isWalked)
        where T : struct, IElement
    {
        if (isWalked)
        {
            NormWalk.Run<T>(in map, in norm);
            return;
        }

        for (var row = 0; row < map.Rows; row++)
        {
            NormRow.Apply<T>(
                (float*)(map.First + (row * map.InputStride)), map.Columns, in norm, map.Output + (row * map.OutputStride), map.OutputGroupStride);
        }
    }

    private static float[] Values(int seed, int count)
    {
        var random = new Random(seed);
        return [.. Enumerable.Range(0, count).Select(_ => (float)((random.NextDouble() * 4) - 1))];
    }
}
