using System.Globalization;
using Stof.Reference.Cuda.Driver;
using Stof.Reference.Cuda.Execution;
using Stof.Reference.Cuda.Ptx;
using Stof.Reference.OpenCL;
using Stof.Reference.OpenCL.Execution;

namespace Stof.Reference.Cli.Commands;

/// <summary>What <c>--backend</c> names: the processor, a GPU, or the simulator that runs the GPU's kernels.</summary>
internal static class BackendArgument
{
    /// <summary>Text of the option.</summary>
    public const string Help = "cpu, cuda, cuda:N (device N), simulator (the CUDA kernels without a GPU, every finding an error), or opencl, opencl:P, opencl:P:D (platform P, device D)";

    private const string Cuda = "cuda";
    private const string OpenCl = "opencl";

    /// <summary>True for the processor, whose options (threads, tile) the others lack.</summary>
    public static bool IsCpu(string text) => text == "cpu";

    /// <summary>True for a device of OpenCL.</summary>
    public static bool IsOpenCl(string text) => text == OpenCl || text.StartsWith(OpenCl + ":", StringComparison.Ordinal);

    /// <summary>Opens a device of OpenCL, compiled programs kept in the user's cache.</summary>
    /// <exception cref="InvalidInputException">The text names no device of this machine.</exception>
    /// <exception cref="DeviceUnavailableException">There is no OpenCL here, or the device cannot be used.</exception>
    public static OpenClBackend OpenOpenCl(string text, OpenClOptions options)
    {
        var probe = OpenClProbe.Look();
        if (probe.Devices.Count == 0)
        {
            throw new DeviceUnavailableException($"opencl is not available: {probe.Reason}. {OpenClProbe.HowToGet}");
        }

        var device = probe.Select(text);
        return device.Refusal is { } refusal
            ? throw new DeviceUnavailableException($"{device.Address} ({device.Name}) cannot be used: {refusal}")
            : new OpenClBackend(device, options with { Cache = new ProgramCache(warn: Console.Error.WriteLine) });
    }

    /// <summary>Opens a device that is not the processor and not OpenCL's.</summary>
    /// <exception cref="InvalidInputException">The text names no backend.</exception>
    /// <exception cref="DeviceUnavailableException">There is no such device here.</exception>
    public static IKernelDevice Open(string text)
    {
        if (text == "simulator")
        {
            return new SimulatedKernelDevice(Target.Sm80);
        }

        var ordinal = 0;
        if (text != Cuda
            && !(text.StartsWith(Cuda + ":", StringComparison.Ordinal)
                && int.TryParse(text.AsSpan(Cuda.Length + 1), NumberStyles.None, CultureInfo.InvariantCulture, out ordinal)))
        {
            throw new InvalidInputException("--backend", $"'{text}'", Help);
        }

        var probe = CudaDriver.Probe();
        if (!probe.IsAvailable)
        {
            throw new DeviceUnavailableException($"cuda is not available: {probe.Reason}");
        }

        if (ordinal >= probe.Devices.Count)
        {
            throw new InvalidInputException("--backend", $"'{text}'", $"a device from 0 to {probe.Devices.Count - 1}");
        }

        return probe.Devices[ordinal].Refusal is { } refusal
            ? throw new DeviceUnavailableException($"cuda device {ordinal} cannot be used: {refusal}")
            : new DriverKernelDevice(probe.Devices[ordinal]);
    }
}

/// <summary>A device that was asked for is not here, or cannot be used.</summary>
/// <param name="message">Which, and why.</param>
internal sealed class DeviceUnavailableException(string message) : Exception(message);
