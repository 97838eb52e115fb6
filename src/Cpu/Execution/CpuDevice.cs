using System.Globalization;
using System.Runtime.InteropServices;
using System.Runtime.Intrinsics;
using Stof.Reference.Backends;

namespace Stof.Reference.Cpu.Execution;

/// <summary>What this machine's processor is.</summary>
public static class CpuDevice
{
    private const long AssumedFastMemory = 1 << 20; // where the system does not tell: the second-level cache of an older core

    /// <summary>Describes the processor as used with a number of threads.</summary>
    public static DeviceDescription Describe(int threads) => new("cpu", Name(), threads, FastMemory(), VectorBits())
    {
        // Builds are deterministic: the same sources give the same number.
        Kernels = typeof(CpuDevice).Assembly.ManifestModule.ModuleVersionId.ToString(),
    };

    private static int VectorBits() =>
        Vector512.IsHardwareAccelerated ? 512 : Vector256.IsHardwareAccelerated ? 256 : Vector128.IsHardwareAccelerated ? 128 : 32;

    private static string Name()
    {
        const string Field = "model name";
        var line = ReadLines("/proc/cpuinfo").FirstOrDefault(text => text.StartsWith(Field, StringComparison.Ordinal));
        return line is null ? RuntimeInformation.ProcessArchitecture.ToString() : line[(line.IndexOf(':', StringComparison.Ordinal) + 1)..].Trim();
    }

    private static long FastMemory()
    {
        var text = ReadLines("/sys/devices/system/cpu/cpu0/cache/index2/size").FirstOrDefault();
        return text is not null
            && text.EndsWith('K')
            && long.TryParse(text[..^1], NumberStyles.None, CultureInfo.InvariantCulture, out var kibibytes)
            ? kibibytes * 1024
            : AssumedFastMemory;
    }

    private static string[] ReadLines(string path)
    {
        try
        {
            return File.Exists(path) ? File.ReadAllLines(path) : [];
        }
        catch (Exception exception) when (exception is IOException or UnauthorizedAccessException)
        {
            return []; // not Linux, or a closed-off container: the assumed values are used
        }
    }
}
