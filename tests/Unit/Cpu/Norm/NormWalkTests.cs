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

    // Sums are walked along where they are streamed; stored rows are made one after the other.
    [Theory]
    [InlineData(true, false)]
    [InlineData(false, true)]
    [InlineData(true, true)]
    public void Streamed_sums_have_the_bits_of_stored_ones(bool hasBias, bool hasResidual)
    {
        foreach (var rows in new[] { 1, 2, 3, 4, 9 })
        {
            foreach (var columns in new[] { 64, 192, 200 })
            {
                foreach (var norm in new[] { RowNorm.Layer(Values(1, columns), Values(2, columns)), RowNorm.Rms(Values(3, columns)) })
                {
                    Assert.Equal(
                        Sums(rows, columns, norm, hasBias, hasResidual, RowEnd.Stored), Sums(rows, columns, norm, hasBias, hasResidual, RowEnd.Streamed));
                }
            }
        }
    }

    private static byte[] Sums(int rows, int columns, RowNorm norm, bool hasBias, bool hasResidual, RowEnd end)
    {
        var stride = (columns + 63) / 64 * 64;
        var x = MatrixView.Of(HostTensor.From(Values(4, rows * stride), rows, stride));
        var residual = MatrixView.Of(HostTensor.From(Values(5, rows * stride), rows, stride));
        var target = HostTensor.Zeros(DType.F32, rows, stride);
        var y = MatrixView.Of(target);
        using var pinned = new PinnedNorm(norm);
        using var bias = Values(6, columns).AsMemory().Pin();
        var scratch = stackalloc float[NormWalk.ScratchRows * stride];
        var block = new RowBlock
        {
            Map = new RowMapArguments
            {
                First = (byte*)x.Address,
                InputStride = x.StrideBytes,
                Bias = hasBias ? (float*)bias.Pointer : null,
                Residual = hasResidual ? (byte*)residual.Address : null,
                ResidualStride = hasResidual ? residual.StrideBytes : 0,
                Output = (byte*)y.Address,
                OutputStride = y.StrideBytes,
                OutputGroupStride = 16 * sizeof(float),
                Rows = rows,
                Columns = columns,
                InputAhead = 64,
                End = end,
            },
            Scratch = scratch,
            ScratchStride = stride,
            ScratchRows = NormWalk.ScratchRows,
        };
        new RowPipeline(DType.F32, DType.F32, DType.F32, Activation.None, pinned).Run(in block);
        RowKernel.Finish(end);
        GC.KeepAlive(x);
        GC.KeepAlive(residual);
        return target.Bytes.ToArray();
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
            NormWalk.Run<T>(new RowBlock { Map = map }, in norm);
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
