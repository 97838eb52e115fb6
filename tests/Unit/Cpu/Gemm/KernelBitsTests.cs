using System.Diagnostics;
using Stof.Reference.Cpu.Simd;

namespace Stof.Reference.Unit.Tests.Cpu.Gemm;

/// <summary>
/// The determinism contract. The vector width is fixed when a process starts: the width test starts this test program again
/// with a smaller one, runs <see cref="Bits_do_not_depend_on_threads_or_tiling"/> there, and compares the hashes.
/// </summary>
public sealed class KernelBitsTests
{
    private const string OutputVariable = "STOF_KERNEL_BITS_FILE";

    [Fact]
    public void Bits_do_not_depend_on_threads_or_tiling()
    {
        var reference = KernelBits.Hash(1, null);
        Assert.Equal(reference, KernelBits.Hash(2, null));
        Assert.Equal(reference, KernelBits.Hash(3, null));
        Assert.Equal(reference, KernelBits.Hash(2, new GemmTiling(12, 16, 32)));
        Assert.Equal(reference, KernelBits.Hash(1, new GemmTiling(25, 100, 64)));
        Assert.Equal(reference, KernelBits.Hash(3, new GemmTiling(1000, 1000, 1000)));

        // What other machines' caches would make of it.
        foreach (var caches in new[] { new CacheSizes(128 << 10, 1 << 20), new CacheSizes(16 << 20, 1 << 30) })
        {
            Assert.Equal(reference, KernelBits.Hash(2, GemmTiling.For(new GemmWork(100, 200, 300), 2, caches)));
        }

        if (Environment.GetEnvironmentVariable(OutputVariable) is { } path)
        {
            File.WriteAllText(path, reference);
        }
    }

    [Theory]
    [InlineData("DOTNET_EnableAVX512")]
    [InlineData("DOTNET_EnableAVX2")]
    public async Task Bits_do_not_depend_on_the_vector_width(string disabled)
    {
        var directory = Directory.CreateTempSubdirectory("stof-bits");
        try
        {
            var path = Path.Combine(directory.FullName, "hash");
            var start = new ProcessStartInfo(Environment.GetEnvironmentVariable("DOTNET_HOST_PATH") ?? "dotnet")
            {
                RedirectStandardOutput = true,
                RedirectStandardError = true,
            };
            start.ArgumentList.Add("exec");
            start.ArgumentList.Add(typeof(KernelBitsTests).Assembly.Location);
            start.ArgumentList.Add("-method");
            start.ArgumentList.Add($"{typeof(KernelBitsTests).FullName}.{nameof(Bits_do_not_depend_on_threads_or_tiling)}");
            start.Environment[disabled] = "0";
            start.Environment[OutputVariable] = path;
            using var child = Process.Start(start)!;
            var output = child.StandardOutput.ReadToEndAsync(TestContext.Current.CancellationToken);
            var errors = child.StandardError.ReadToEndAsync(TestContext.Current.CancellationToken);
            await child.WaitForExitAsync(TestContext.Current.CancellationToken);
            Assert.True(child.ExitCode == 0, await output + await errors);
            Assert.Equal(
                KernelBits.Hash(1, null), await File.ReadAllTextAsync(path, TestContext.Current.CancellationToken));
        }
        finally
        {
            directory.Delete(recursive: true);
        }
    }
}
