using System.Globalization;
using Stof.Reference.Backends;
using Stof.Reference.Cpu.Execution;
using Stof.Reference.Cuda.Driver;
using Stof.Reference.Cuda.Execution;
using Stof.Reference.Cuda.Ptx;
using Stof.Reference.OpenCL;
using Stof.Reference.OpenCL.Execution;
using Stof.Reference.Search;

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

    /// <summary>Opens the backend that a text names.</summary>
    /// <param name="text">As <see cref="Help"/> says.</param>
    /// <param name="threads">Threads of the processor; null for all.</param>
    /// <exception cref="InvalidInputException">The text names no backend, or threads are given for another one than the processor.</exception>
    /// <exception cref="DeviceUnavailableException">There is no such device here.</exception>
    public static IBackend OpenBackend(string text, int? threads)
    {
        if (IsCpu(text))
        {
            return new CpuBackend(threads);
        }

        if (threads is not null)
        {
            throw new InvalidInputException("--threads", "given", $"only with --backend cpu, not {text}");
        }

        return IsOpenCl(text) ? OpenOpenCl(text, new OpenClOptions()) : new CudaBackend(Open(text));
    }

    /// <summary>True for a device of OpenCL.</summary>
    public static bool IsOpenCl(string text) => text == OpenCl || text.StartsWith(OpenCl + ":", StringComparison.Ordinal);

    /// <summary>
    /// Starts to look for devices where a command line names OpenCL: vendors' libraries take longer to load than the rest of a command line and its inputs
    /// to read, and whoever looks later finds them loaded.
    /// </summary>
    public static void LookAhead(string[] arguments)
    {
        if (arguments.Any(IsOpenCl))
        {
            Task.Run(OpenClProbe.Look);
        }
    }

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
            : new DriverKernelDevice(
                probe.Devices[ordinal], CubinCache.FolderIn(TuningCache.DefaultFolder), warning => Console.Error.WriteLine($"warning: {warning}"));
    }
}

/// <summary>A device that was asked for is not here, or cannot be used.</summary>
/// <param name="message">Which, and why.</param>
internal sealed class DeviceUnavailableException(string message) : Exception(message);
