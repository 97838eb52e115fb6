using System.Security.Cryptography;
using Stof.Reference.Cpu.Simd;
using Stof.Reference.Cpu.Threading;
using Stof.Reference.Numerics;
using Stof.Reference.Tensors;
using static Stof.Reference.Unit.Tests.Cpu.Gemm.GemmReference;

namespace Stof.Reference.Unit.Tests.Cpu.Gemm;

/// <summary>
/// The bits of the whole GEMM family and of every row operator: SHA-256 over the outputs of seeded cases, one line an operator.
/// </summary>
internal static class KernelBits
{
    private static readonly string[] Operators =
        ["product", "normed product", "chain", "norm", "activation", "gated activation", "residual", "rotation"];

    /// <summary>Hashes of all outputs, as text; the same for every thread count, tiling and vector width.</summary>
    /// <param name="threads">Workers.</param>
    /// <param name="tiling">Block sizes; null for the default.</param>
    public static string Hash(int threads, GemmTiling? tiling)
    {
        using var pool = new WorkerPool(threads);
        var workspace = new KernelWorkspace(pool);
        var hashes = Operators.ToDictionary(name => name, _ => IncrementalHash.CreateHash(HashAlgorithmName.SHA256));
        var random = new Random(20_26);
        foreach (var type in new[] { DType.F32, DType.F16, DType.BF16 })
        {
            for (var index = 0; index < 12; index++)
            {
                Gemm(workspace, random, type, index, tiling, hashes);
                Rows(workspace, random, type, index, hashes);
            }
        }

        return string.Concat(Operators.Select(name =>
        {
            using var hash = hashes[name];
            return $"{name} {Convert.ToHexStringLower(hash.GetHashAndReset())}\n";
        }));
    }

    private static void Gemm(
        KernelWorkspace workspace, Random random, DType type, int index, GemmTiling? tiling, Dictionary<string, IncrementalHash> hashes)
    {
        var activation = (Activation)(index % 6);
        var gated = activation == Activation.SwiGlu;
        var (m, width, k) = (random.Next(1, 50), random.Next(1, 120), random.Next(1, 330));
        var n = gated ? 2 * width : width;
        var a = Random(random, type, m, k);
        var b = Random(random, type, n, k);
        var residual = Random(random, type, m, width);
        var prologue = index % 3 == 0 ? RowNorm.Layer(RandomRow(random, k), RandomRow(random, k)) : null;
        var norm = index % 2 == 0 ? RowNorm.Layer(RandomRow(random, width), RandomRow(random, width)) : null;
        var weights = gated ? PackedMatrix.Gated(true, b) : PackedMatrix.FromOutputMajor(b);
        var epilogue = new GemmEpilogue(RandomRow(random, n), activation, norm);
        var (c, preNorm) = (HostTensor.Zeros(type, m, width), HostTensor.Zeros(type, m, width));
        new GemmKernel(weights, workspace, prologue, epilogue, tiling).Run(
            MatrixView.Of(a), MatrixView.Of(c), MatrixView.Of(residual), norm is null ? default : MatrixView.Of(preNorm));
        hashes[norm is null ? "product" : "normed product"].AppendData(c.Bytes);
        hashes["product"].AppendData(preNorm.Bytes);

        var second = PackedMatrix.FromOutputMajor(Random(random, type, 40, width));
        var chained = HostTensor.Zeros(type, m, 40);
        new GemmChainKernel(
            weights, second, workspace, epilogue with { Norm = null }, prologue, null, tiling?.RowBlock, tiling?.DepthBlock ?? 256)
            .Run(MatrixView.Of(a), MatrixView.Of(chained));
        hashes["chain"].AppendData(chained.Bytes);
    }

    private static void Rows(
        KernelWorkspace workspace, Random random, DType type, int index, Dictionary<string, IncrementalHash> hashes)
    {
        var (rows, columns) = (random.Next(1, 300), 2 * random.Next(1, 100));
        var x = MatrixView.Of(Random(random, type, rows, columns));
        var residual = MatrixView.Of(Random(random, type, rows, columns));
        var y = HostTensor.Zeros(type, rows, columns);
        var view = MatrixView.Of(y);
        var bias = RandomRow(random, columns);
        var norm = index % 2 == 0 ? RowNorm.Layer(RandomRow(random, columns), RandomRow(random, columns)) : RowNorm.Rms(bias);
        Reference.Cpu.Simd.Normalize.Run(workspace, x, bias, residual, norm, view);
        hashes["norm"].AppendData(y.Bytes);
        BiasActivation.Run(workspace, x, bias, (Activation)(index % 5), view);
        hashes["activation"].AppendData(y.Bytes);
        var half = HostTensor.Zeros(type, rows, columns / 2);
        BiasActivation.Run(workspace, x, bias, Activation.SwiGlu, MatrixView.Of(half));
        hashes["gated activation"].AppendData(half.Bytes);
        ResidualAdd.Run(workspace, x, bias, residual, view);
        hashes["residual"].AppendData(y.Bytes);

        var headSize = 2 * random.Next(1, 40);
        var joined = MatrixView.Of(Random(random, type, rows, 5 * headSize));
        var rotated = HostTensor.Zeros(type, rows, 5 * headSize);
        var positions = Enumerable.Range(0, rows).Select(row => row % 50).ToArray();
        RotaryEmbedding.Run(workspace, joined, new RotaryTable(50, headSize), 3, 1, positions, MatrixView.Of(rotated));
        hashes["rotation"].AppendData(rotated.Bytes);
    }
}
