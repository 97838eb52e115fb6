using Stof.Reference.Cpu.Simd;
using Stof.Reference.Numerics;
using Stof.Reference.Tensors;

namespace Stof.Reference.Unit.Tests.Cpu.Norm;

/// <summary>Rows that are streamed past the caches, which the operators do with outputs larger than the last level.</summary>
public sealed unsafe class RowEndTests
{
    [Theory]
    [InlineData(DType.F32)]
    [InlineData(DType.F16)]
    [InlineData(DType.BF16)]
    public void Streamed_rows_have_the_bits_of_stored_ones(DType type)
    {
        // Whole chunks, a part of one, and single elements.
        foreach (var columns in new[] { 64, 128, 192 + 32, 256 + 48 + 5 })
        {
            foreach (var norm in new[] { null, RowNorm.Layer(Values(1, columns), Values(2, columns)), RowNorm.Rms(Values(3, columns)) })
            {
                Assert.Equal(Run(type, columns, norm, RowEnd.Stored), Run(type, columns, norm, RowEnd.Streamed));
            }
        }
    }

    [Fact]
    public void Only_large_outputs_on_line_boundaries_that_overwrite_nothing_are_streamed()
    {
        var rows = (int)(CacheSizes.OfThisMachine.LastLevel / (64 * sizeof(float))) + 1;
        var y = MatrixView.Of(HostTensor.Zeros(DType.F32, rows, 64));
        Assert.Equal(RowEnd.Streamed, RowKernel.End(in y, 0, overwrites: false));
        Assert.Equal(RowEnd.Stored, RowKernel.End(in y, 0, overwrites: true));
        var shifted = y.SliceColumns(1, 63);
        Assert.Equal(RowEnd.Stored, RowKernel.End(in shifted, 0, overwrites: false));
        var few = y.SliceRows(0, 8);
        Assert.Equal(RowEnd.Stored, RowKernel.End(in few, 0, overwrites: false));
        Assert.Equal(RowEnd.Streamed, RowKernel.End(in few, CacheSizes.OfThisMachine.LastLevel, overwrites: false));
    }

    private static byte[] Run(DType type, int columns, RowNorm? norm, RowEnd end)
    {
        const int Rows = 5;
        var stride = (columns + 63) / 64 * 64;
        var x = MatrixView.Of(HostTensor.From(Values(4, Rows * stride), Rows, stride).To(type));
        var target = HostTensor.Zeros(type, Rows, stride);
        var y = MatrixView.Of(target);
        using var pinned = new PinnedNorm(norm);
        var scratch = stackalloc float[2 * stride];
        var block = new RowBlock
        {
            Map = new RowMapArguments
            {
                First = (byte*)x.Address,
                InputStride = x.StrideBytes,
                Output = (byte*)y.Address,
                OutputStride = y.StrideBytes,
                OutputGroupStride = 16 * type.Size(),
                Rows = Rows,
                Columns = columns,
                InputAhead = 64,
                End = end,
            },
            Scratch = scratch,
            ScratchStride = stride,
            ScratchRows = 2,
        };
        new RowPipeline(type, type, type, Activation.GeluErf, pinned).Run(in block);
        RowKernel.Finish(end);
        GC.KeepAlive(x);
        return target.Bytes.ToArray();
    }

    private static float[] Values(int seed, int count)
    {
        var random = new Random(seed);
        return [.. Enumerable.Range(0, count).Select(_ => (float)((random.NextDouble() * 6) - 3))];
    }
}
