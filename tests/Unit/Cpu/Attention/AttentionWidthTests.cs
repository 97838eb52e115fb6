using System.Diagnostics;
using System.Security.Cryptography;
using Stof.Reference.Cpu.Simd.Attention;
using Stof.Reference.Cpu.Threading;
using Stof.Reference.Formats;
using Stof.Reference.Masks;
using Stof.Reference.Operators;

namespace Stof.Reference.Unit.Tests.Cpu.Attention;

/// <summary>
/// Bits across register widths. The width is fixed when a process starts, so this test starts itself again with AVX-512
/// switched off (and with AVX off, which leaves 128-bit registers and fused multiply-add in software) and compares a hash.
/// </summary>
public sealed class AttentionWidthTests
{
    private const string HashFile = "STOF_TEST_HASH_FILE";
    private const string Cases = "STOF_TEST_HASH_CASES";

    [Theory]
    [InlineData("DOTNET_EnableAVX512", 120)]
    [InlineData("DOTNET_EnableAVX", 12)]
    public void Narrower_registers_give_the_same_bits(string knob, int cases)
    {
        if (Environment.GetEnvironmentVariable(HashFile) is string path)
        {
            // The second process: both lines of data end up here, one process a line.
            File.WriteAllText(path, Hash(int.Parse(Environment.GetEnvironmentVariable(Cases)!)));
            return;
        }

        var file = Path.GetTempFileName();
        try
        {
            var start = new ProcessStartInfo(Path.Combine(AppContext.BaseDirectory, "Stof.Reference.Unit.Tests"))
            {
                RedirectStandardOutput = true,
                RedirectStandardError = true,
                ArgumentList = { "-method", $"{typeof(AttentionWidthTests).FullName}.{nameof(Narrower_registers_give_the_same_bits)}" },
                Environment = { [knob] = "0", [HashFile] = file, [Cases] = $"{cases}" },
            };
            using var process = Process.Start(start)!;
            process.ErrorDataReceived += (_, _) => { };
            process.BeginErrorReadLine();
            var log = process.StandardOutput.ReadToEnd();
            process.WaitForExit();
            Assert.True(process.ExitCode == 0, log);
            Assert.Equal(Hash(cases), File.ReadAllText(file));
        }
        finally
        {
            File.Delete(file);
        }
    }

    private static string Hash(int cases)
    {
        using var hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        using var pool = new WorkerPool(1);
        foreach (var item in Enumerable.Range(0, cases).Select(AttentionCases.Random).Concat(Long()))
        {
            var (output, logSumExp) = CpuAttention.Run(item.Problem, item.Q, item.K, item.V, item.Choice, pool);
            hash.AppendData(output.Bytes);
            hash.AppendData(logSumExp!.Bytes);
        }

        return Convert.ToHexString(hash.GetHashAndReset());
    }

    /// <summary>Rows of more keys than are summed before the sums are settled, twice over.</summary>
    private static IEnumerable<AttentionCase> Long()
    {
        foreach (var algorithm in Enum.GetValues<AttentionAlgorithm>())
        {
            foreach (var mask in new MaskPattern[] { new FullMask(), new HashedMask(4, 0.5, false, false) })
            {
                var problem = new AttentionProblem
                {
                    Batch = 1,
                    QueryHeads = 1,
                    KvHeads = 1,
                    QueryLength = 20,
                    KvLength = 2500,
                    HeadSize = 24,
                    Mask = mask,
                    LogSumExp = LogSumExpOutput.Natural,
                };
                yield return AttentionCases.WithInputs(problem, new AttentionChoice(algorithm, new TileShape(32, 64)), new Random(9), 0);

                // Enough queries for keys to be measured: tiles whose scores are bounded, and tiles whose are not.
                problem = problem with { QueryLength = 180, KvLength = 300, HeadSize = 40 };
                yield return AttentionCases.WithInputs(problem, new AttentionChoice(algorithm, new TileShape(128, 64)), new Random(9), 0);
                yield return AttentionCases.WithInputs(problem, new AttentionChoice(algorithm, new TileShape(64, 64)), new Random(9), 1);
            }
        }
    }
}
