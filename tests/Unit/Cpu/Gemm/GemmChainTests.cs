using Stof.Reference.Cpu.Simd;
using Stof.Reference.Cpu.Threading;
using Stof.Reference.Numerics;
using Stof.Reference.Tensors;
using static Stof.Reference.Unit.Tests.Cpu.Gemm.GemmReference;

namespace Stof.Reference.Unit.Tests.Cpu.Gemm;

public sealed class GemmChainTests : IDisposable
{
    private readonly WorkerPool _pool = new(2);

    public void Dispose() => _pool.Dispose();

    [Fact]
    public void Chain_equals_two_float_products_bit_for_bit_with_every_activation_prologue_and_norm()
    {
        var workspace = new KernelWorkspace(_pool);
        for (var seed = 0; seed < 36; seed++)
        {
            var random = new Random(seed);
            var activation = (Activation)(seed % 6);
            var gated = activation == Activation.SwiGlu;
            var (m, k, f, n) = (random.Next(1, 70), random.Next(1, 60), random.Next(1, 320), random.Next(1, 90));
            var a = Random(random, DType.F32, m, k);
            var b1 = Random(random, DType.F32, gated ? 2 * f : f, k);
            var first = gated ? PackedMatrix.Gated(true, b1) : PackedMatrix.FromOutputMajor(b1);
            var second = PackedMatrix.FromOutputMajor(Random(random, DType.F32, n, f));
            var middle = new GemmEpilogue(seed % 2 == 0 ? RandomRow(random, first.Columns) : null, activation);
            var prologue = seed % 3 == 0 ? RowNorm.Layer(RandomRow(random, k), RandomRow(random, k)) : null;
            var norm = seed % 4 == 1 ? RowNorm.Rms(RandomRow(random, n)) : null;
            var epilogue = new GemmEpilogue(RandomRow(random, n), Activation.None, norm);
            var residual = MatrixView.Of(Random(random, DType.F32, m, n));
            var between = MatrixView.Of(HostTensor.Zeros(DType.F32, m, f));
            var (detached, fused) = (HostTensor.Zeros(DType.F32, m, n), HostTensor.Zeros(DType.F32, m, n));

            new GemmKernel(first, workspace, prologue, middle).Run(MatrixView.Of(a), between);
            new GemmKernel(second, workspace, null, epilogue).Run(between, MatrixView.Of(detached), residual);
            int? rowBlock = seed % 2 == 0 ? null : 1 + (seed % 30);
            new GemmChainKernel(first, second, workspace, middle, prologue, epilogue, rowBlock, 16 + seed)
                .Run(MatrixView.Of(a), MatrixView.Of(fused), residual);
            Assert.True(detached.Bytes.SequenceEqual(fused.Bytes), $"seed {seed}, {activation}, {m}x{k}x{f}x{n}");
        }
    }

    [Theory]
    [InlineData(DType.F16)]
    [InlineData(DType.BF16)]
    public void Chain_in_half_precision_is_no_further_from_double_than_detached_products(DType type)
    {
        var workspace = new KernelWorkspace(_pool);
        var random = new Random(5);
        var (m, k, f, n) = (40, 64, 256, 48);
        var a = Random(random, type, m, k);
        var (b1, b2) = (Random(random, type, f, k), Random(random, type, n, f));
        var (first, second) = (PackedMatrix.FromOutputMajor(b1), PackedMatrix.FromOutputMajor(b2));
        var middle = new GemmEpilogue(null, Activation.GeluErf);
        var between = MatrixView.Of(HostTensor.Zeros(type, m, f));
        var (detached, fused) = (HostTensor.Zeros(type, m, n), HostTensor.Zeros(type, m, n));
        new GemmKernel(first, workspace, null, middle).Run(MatrixView.Of(a), between);
        new GemmKernel(second, workspace).Run(between, MatrixView.Of(detached));
        new GemmChainKernel(first, second, workspace, middle).Run(MatrixView.Of(a), MatrixView.Of(fused));

        var hidden = Multiply(a.ToDoubles(), b1.ToDoubles(), m, f, k).Product;
        var expected = Multiply(
            Array.ConvertAll(hidden, x => Activate(Activation.GeluErf, x)), b2.ToDoubles(), m, n, f).Product;
        var (fusedError, detachedError) = (Error(fused), Error(detached));
        Assert.True(fusedError <= detachedError, $"{fusedError:E3} > {detachedError:E3}");
        Assert.True(fusedError <= type.UnitRoundoff(), $"{fusedError:E3}");

        double Error(HostTensor actual)
        {
            var values = actual.ToDoubles();
            var difference = expected.Zip(values, (x, y) => (x - y) * (x - y)).Sum();
            return Math.Sqrt(difference / expected.Sum(x => x * x));
        }
    }

    [Fact]
    public void A_chain_that_does_not_fit_together_is_refused()
    {
        var workspace = new KernelWorkspace(_pool);
        var first = PackedMatrix.FromOutputMajor(HostTensor.Zeros(DType.F32, 40, 8));
        var second = PackedMatrix.FromOutputMajor(HostTensor.Zeros(DType.F32, 8, 41));
        Assert.Equal("second", Assert.Throws<InvalidInputException>(() => new GemmChainKernel(first, second, workspace)).Argument);
        var fitting = PackedMatrix.FromOutputMajor(HostTensor.Zeros(DType.F32, 8, 40));
        var normed = new GemmEpilogue(null, Activation.None, RowNorm.Rms(new float[40]));
        Assert.Equal(
            "middle.Norm",
            Assert.Throws<InvalidInputException>(() => new GemmChainKernel(first, fitting, workspace, normed)).Argument);
    }
}
