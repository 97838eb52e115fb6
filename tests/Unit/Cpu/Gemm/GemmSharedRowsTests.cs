using Stof.Reference.Cpu.Simd;
using Stof.Reference.Cpu.Threading;
using Stof.Reference.Numerics;
using Stof.Reference.Tensors;
using static Stof.Reference.Unit.Tests.Cpu.Gemm.GemmReference;

namespace Stof.Reference.Unit.Tests.Cpu.Gemm;

/// <summary>Rows that several workers make together: for a norm, and between the products of a chain.</summary>
public sealed class GemmSharedRowsTests : IDisposable
{
    private readonly WorkerPool _one = new(1);
    private readonly WorkerPool _many = new(12);

    public void Dispose()
    {
        _one.Dispose();
        _many.Dispose();
    }

    [Fact]
    public void A_norm_in_a_second_loop_gives_the_bits_of_a_task_that_owns_its_rows()
    {
        var (whole, shared) = (new KernelWorkspace(_one), new KernelWorkspace(_many));
        for (var seed = 0; seed < 72; seed++)
        {
            var random = new Random(seed);
            var type = new[] { DType.F32, DType.F16, DType.BF16 }[seed % 3];
            var activation = (Activation)(seed / 3 % 6);
            var gated = activation == Activation.SwiGlu;
            var (m, n, k) = (random.Next(1, 90), random.Next(33, 200), random.Next(1, 200));
            var a = MatrixView.Of(Random(random, type, m, k));
            var b = Random(random, type, gated ? 2 * n : n, k);
            var weights = gated ? PackedMatrix.Gated(true, b) : PackedMatrix.FromOutputMajor(b);
            var norm = seed % 2 == 0 ? RowNorm.Layer(RandomRow(random, n), RandomRow(random, n)) : RowNorm.Rms(RandomRow(random, n));
            var epilogue = new GemmEpilogue(seed % 5 == 0 ? null : RandomRow(random, weights.Columns), activation, norm);
            var prologue = seed % 7 == 0 ? RowNorm.Rms(RandomRow(random, k)) : null;
            var residual = seed % 4 == 3 ? null : Random(random, type, m, n);
            var tiling = new GemmTiling(random.Next(1, 100), random.Next(1, 250), 32 * random.Next(1, (n + 31) / 32));
            Assert.True(tiling.ColumnBlock < n);
            var expected = Run(whole, tiling with { ColumnBlock = int.MaxValue });
            var actual = Run(shared, tiling);
            Assert.True(expected.SequenceEqual(actual), $"seed {seed}, {type}, {activation}, {norm.Kind}, {m}x{n}x{k}, {tiling}");

            // The residual is read and overwritten, as in a model: by C where only C is wanted, else by the sum before the norm.
            byte[] Run(KernelWorkspace workspace, GemmTiling blocks)
            {
                var own = HostTensor.Zeros(type, m, n);
                residual?.Bytes.CopyTo(own.Bytes);
                var c = seed % 2 == 0 ? own : HostTensor.Zeros(type, m, n);
                new GemmKernel(weights, workspace, prologue, epilogue, blocks).Run(
                    a,
                    MatrixView.Of(c),
                    residual is null ? default : MatrixView.Of(own),
                    seed % 2 == 0 ? default : MatrixView.Of(own));
                return [.. c.Bytes, .. own.Bytes];
            }
        }
    }

    [Fact]
    public void A_chain_whose_workers_share_the_middle_gives_the_bits_of_one_that_goes_through_row_by_row()
    {
        var (one, many) = (new KernelWorkspace(_one), new KernelWorkspace(_many));
        for (var seed = 0; seed < 24; seed++)
        {
            var random = new Random(seed);
            var type = new[] { DType.F32, DType.F16, DType.BF16 }[seed % 3];
            var activation = (Activation)(seed / 3 % 6);
            var gated = activation == Activation.SwiGlu;
            var (m, k, f, n) = (random.Next(1, 40), random.Next(100, 200), random.Next(1000, 1500), random.Next(100, 300));
            var a = MatrixView.Of(Random(random, type, m, k));
            var b = Random(random, type, gated ? 2 * f : f, k);
            var first = gated ? PackedMatrix.Gated(true, b) : PackedMatrix.FromOutputMajor(b);
            var second = PackedMatrix.FromOutputMajor(Random(random, type, n, f));
            var middle = new GemmEpilogue(RandomRow(random, first.Columns), activation);
            var prologue = seed % 2 == 0 ? RowNorm.Layer(RandomRow(random, k), RandomRow(random, k)) : null;
            var norm = seed % 4 < 2 ? RowNorm.Layer(RandomRow(random, n), RandomRow(random, n)) : null;
            var epilogue = new GemmEpilogue(RandomRow(random, n), Activation.None, norm);
            var residual = MatrixView.Of(Random(random, type, m, n));
            var (firstWork, secondWork) = (
                new GemmWork(m, f, k) { IsGated = gated, NormalisesInput = prologue is not null },
                new GemmWork(m, n, f) { NormalisesOutput = norm is not null });
            Assert.NotNull(GemmChainTiling.For(in firstWork, in secondWork, 12).Panels);
            Assert.True(Run(one, 7).SequenceEqual(Run(many, null)), $"seed {seed}, {type}, {activation}, {m}x{k}x{f}x{n}");

            byte[] Run(KernelWorkspace workspace, int? rowBlock)
            {
                var (c, preNorm) = (HostTensor.Zeros(type, m, n), HostTensor.Zeros(type, m, n));
                new GemmChainKernel(first, second, workspace, middle, prologue, epilogue, rowBlock).Run(
                    a, MatrixView.Of(c), residual, norm is null ? default : MatrixView.Of(preNorm));
                return [.. c.Bytes, .. preNorm.Bytes];
            }
        }
    }

    [Fact]
    public void Few_rows_are_shared_and_many_are_not()
    {
        var caches = new CacheSizes(2 << 20, 64 << 20);
        var few = new GemmWork(128, 768, 768) { NormalisesOutput = true };
        var many = few with { Rows = 20_000 };
        Assert.True(GemmTiling.For(in few, 16, caches).ColumnBlock < 768);
        Assert.Equal(768, GemmTiling.For(in many, 16, caches).ColumnBlock);
        Assert.Equal(768, GemmTiling.For(in few, 1, caches).ColumnBlock);

        // Given blocks are kept, and the others fit them.
        Assert.Equal(24, GemmTiling.For(in few, 16, caches, rowBlock: 24).RowBlock);
        Assert.Equal(new GemmTiling(128, 768, 32), GemmTiling.For(few with { NormalisesOutput = false }, 16, caches, rowBlock: 128));
        Assert.Equal(256, GemmTiling.For(in few, 16, caches, columnBlock: 256).ColumnBlock);
    }
}
