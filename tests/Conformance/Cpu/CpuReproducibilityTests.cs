using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.X86;
using System.Security.Cryptography;
using System.Text;
using Stof.Reference.Backends;
using Stof.Reference.Cpu.Execution;
using Stof.Reference.Cpu.Simd.Attention;
using Stof.Reference.Cpu.Threading;
using Stof.Reference.Fusion;
using Stof.Reference.Models;
using Stof.Reference.Numerics;
using Stof.Reference.Operators;
using Stof.Reference.Plans;
using Stof.Reference.Search;
using Stof.Reference.Tests;
using Stof.Reference.Unit.Tests.Cpu.Gemm;

namespace Stof.Reference.Conformance.Tests.Cpu;

/// <summary>
/// The bits of the CPU backend, committed. <c>.ci/run</c> runs this class three times: as is, without AVX-512, and without AVX2. The
/// last one leaves 128-bit registers and, since .NET 10 has one switch for both, fused multiply-add in software.
/// </summary>
public sealed class CpuReproducibilityTests
{
    private const int Seed = 7000;
    private const int ProblemCount = 60;
    private const int MostThreads = 3;

    [Fact]
    public void Bits_are_the_committed_ones_for_any_number_of_threads()
    {
        var text = Bits(1);
        for (var threads = 2; threads <= MostThreads; threads++)
        {
            Assert.Equal(text, Bits(threads));
        }

        GoldenFile.Verify(text);
    }

    [Theory]
    [InlineData("DOTNET_EnableAVX512")]
    [InlineData("DOTNET_EnableAVX2")]
    public void A_switch_takes_what_the_decisions_say(string name)
    {
        // A run whose switch did nothing would compare the widest registers with themselves.
        if (Environment.GetEnvironmentVariable(name) == "0")
        {
            Assert.False(Avx512F.IsSupported);
            Assert.False(Vector512.IsHardwareAccelerated);
            var narrow = name == "DOTNET_EnableAVX2";
            Assert.False(narrow && (Avx2.IsSupported || Fma.IsSupported || Vector256.IsHardwareAccelerated));
        }

        // In either run: what the processor has beside FMA follows it.
        Assert.Equal(Avx2.IsSupported, Fma.IsSupported);
        Assert.True(Avx2.IsSupported || !Avx512F.IsSupported);
    }

    /// <summary>
    /// In hardware or in software, one rounding. In the first row a product rounded by itself gives 0; in the second one a sum in
    /// double, rounded again to float, lands on the next number.
    /// </summary>
    [Theory]
    [InlineData(1 + (1.0 / (1 << 12)), 1 + (1.0 / (1 << 12)), -1 - (1.0 / (1 << 11)), 1.0 / (1 << 24))]
    [InlineData((1 + (1.0 / (1 << 18))) / (1 << 24), 1 - (1.0 / (1 << 18)), 1 + (1.0 / (1 << 23)), 1 + (1.0 / (1 << 23)))]
    public void A_fused_multiply_add_rounds_once(double left, double right, double addend, double expected)
    {
        var (a, b, c) = ((float)left, (float)right, (float)addend);
        Assert.Equal((left, right, addend), ((double)a, (double)b, (double)c));
        Assert.Equal(Vector128.Create((float)expected), Vector128.FusedMultiplyAdd(Vector128.Create(a), Vector128.Create(b), Vector128.Create(c)));
        Assert.Equal(Vector256.Create((float)expected), Vector256.FusedMultiplyAdd(Vector256.Create(a), Vector256.Create(b), Vector256.Create(c)));
        Assert.Equal(Vector512.Create((float)expected), Vector512.FusedMultiplyAdd(Vector512.Create(a), Vector512.Create(b), Vector512.Create(c)));
        Assert.Equal((float)expected, MathF.FusedMultiplyAdd(a, b, c));
    }

    /// <summary>One line a thing: its name and the SHA-256 of everything it computes.</summary>
    private static string Bits(int threads)
    {
        var text = new StringBuilder();
        foreach (var type in MaskTrials.Types)
        {
            AppendAttention(text, type, threads);
        }

        text.Append(KernelBits.Hash(threads, null));
        using var backend = new CpuBackend(threads);
        foreach (var name in ModelPresets.Names)
        {
            foreach (var type in MaskTrials.Types)
            {
                var (model, input, mask) = ShrunkModels.Create(name, type);
                var workload = new Workload(input.Batch, input.Length, type, mask, model.Spec.QueryHeads);
                var scheme = RuleBasedSchemes.AttentionOnly(model.Graph.Layer);
                using var executable = backend.Compile(
                    model, workload, ExecutionPlan.FromScheme(model.Graph.Layer, workload, backend.Device, scheme));
                text.Append($"{name} {type} {Convert.ToHexStringLower(SHA256.HashData(executable.Run(input).Bytes))}\n");
            }
        }

        return text.ToString();
    }

    private static void AppendAttention(StringBuilder text, DType type, int threads)
    {
        using var backend = new CpuBackend(threads);
        using var pool = new WorkerPool(threads);
        using var chosen = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        using var blockwise = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        using var rowwise = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        for (var seed = Seed; seed < Seed + ProblemCount; seed++)
        {
            var problem = RandomProblems.Next(seed, edges: seed % 2 == 0) with { Type = type, LogSumExp = LogSumExpOutput.Natural };
            var random = new Random(seed);
            var family = Seeded.Families[seed % 3];
            var (p, layout) = (problem, problem.Layout);
            var q = Seeded.Tensor(random, type, family, layout.Shape(p.Batch, p.QueryHeads, p.QueryLength, p.HeadSize));
            var k = Seeded.Tensor(random, type, family, layout.Shape(p.Batch, p.KvHeads, p.KvLength, p.HeadSize));
            var v = Seeded.Tensor(random, type, family, layout.Shape(p.Batch, p.KvHeads, p.KvLength, p.ValueSize));
            var (output, logSumExp) = backend.Attend(problem, q, k, v);
            chosen.AppendData(output.Bytes);
            chosen.AppendData(logSumExp!.Bytes);
            foreach (var (hash, algorithm) in new[] { (blockwise, AttentionAlgorithm.Blockwise), (rowwise, AttentionAlgorithm.Rowwise) })
            {
                var result = CpuAttention.Run(problem, q, k, v, new AttentionChoice(algorithm, new(32, 64)), pool);
                hash.AppendData(result.Output.Bytes);
                hash.AppendData(result.LogSumExp!.Bytes);
            }
        }

        text.Append($"attention as chosen {type} {Convert.ToHexStringLower(chosen.GetHashAndReset())}\n");
        text.Append($"attention block-wise {type} {Convert.ToHexStringLower(blockwise.GetHashAndReset())}\n");
        text.Append($"attention row-wise {type} {Convert.ToHexStringLower(rowwise.GetHashAndReset())}\n");
    }
}
