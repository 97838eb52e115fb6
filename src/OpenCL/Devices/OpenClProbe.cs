using Stof.Reference.OpenCL.Api;

namespace Stof.Reference.OpenCL;

/// <summary>The answer to "is there OpenCL here?": an ordinary result with its reason, never an exception.</summary>
/// <param name="Reason">One clause that says why there is no device; empty if there is one.</param>
/// <param name="Platforms">The vendors' implementations.</param>
/// <param name="Devices">Their devices, in order of platforms.</param>
public sealed record OpenClProbe(string Reason, IReadOnlyList<OpenClPlatform> Platforms, IReadOnlyList<OpenClDevice> Devices)
{
    /// <summary>How a user gets OpenCL on a machine without a GPU.</summary>
    public const string HowToGet = "PoCL runs on any processor: apt-get install pocl-opencl-icd ocl-icd-libopencl1 (Debian, Ubuntu), or pocl in conda-forge and Homebrew";

    /// <summary>True if there is a device that can be used.</summary>
    public bool IsAvailable => Devices.Any(device => device.Refusal is null);

    /// <summary>Looks for the loader, its platforms and their devices. Never throws for what it may find.</summary>
    public static OpenClProbe Look() => Look(LibOpenCl.Instance);

    /// <summary>As <see cref="Look()"/>, over any implementation of the calls.</summary>
    internal static unsafe OpenClProbe Look(IOpenClApi api)
    {
        if (!api.TryLoad(out var failure))
        {
            return new OpenClProbe($"no OpenCL loader ({failure})", [], []);
        }

        try
        {
            uint count;
            var result = api.GetPlatformIDs(0, null, &count);
            if (result == ClResult.PlatformNotFound || (result == ClResult.Success && count == 0))
            {
                return new OpenClProbe("a loader without a vendor's implementation (no .icd file: CL_PLATFORM_NOT_FOUND_KHR, -1001)", [], []);
            }

            InfoReader.Check(result, "clGetPlatformIDs");
            var handles = new nint[count];
            fixed (nint* place = handles)
            {
                InfoReader.Check(api.GetPlatformIDs(count, place, null), "clGetPlatformIDs");
            }

            var (platforms, devices) = (new List<OpenClPlatform>(), new List<OpenClDevice>());
            foreach (var handle in handles)
            {
                platforms.Add(Platform(api, handle, platforms.Count, devices));
            }

            var reason = devices.Count > 0 ? "" : string.Join("; ", platforms.Select(platform => $"{platform.Name}: {platform.Reason}"));
            return new OpenClProbe(reason, platforms, devices);
        }
        catch (OpenClException exception)
        {
            return new OpenClProbe(exception.Message, [], []);
        }
        catch (EntryPointNotFoundException exception)
        {
            return new OpenClProbe($"the loader lacks a call of OpenCL 1.2: {exception.Message}", [], []);
        }
    }

    /// <summary>The device that a text names.</summary>
    /// <param name="text"><c>opencl</c> for the first that can be used, <c>opencl:P</c> for the first of platform P, <c>opencl:P:D</c> for device D of it.</param>
    /// <exception cref="InvalidInputException">The text has another form, or names no platform or device of this machine.</exception>
    public OpenClDevice Select(string text)
    {
        ArgumentNullException.ThrowIfNull(text);
        var parts = text.Split(':');
        var numbers = new int[parts.Length];
        for (var i = 1; i < parts.Length; i++)
        {
            if (!int.TryParse(parts[i], System.Globalization.NumberStyles.None, null, out numbers[i]))
            {
                throw new InvalidInputException("--backend", $"'{text}'", "opencl, opencl:PLATFORM or opencl:PLATFORM:DEVICE, both by number as in stof devices");
            }
        }

        var known = Devices.Count == 0 ? $"no device here ({Reason})" : $"one of {string.Join(", ", Devices.Select(device => device.Address))}";
        var chosen = parts.Length switch
        {
            1 => Devices.OrderBy(device => device.Refusal is not null).FirstOrDefault(),
            2 => Devices.Where(device => device.Platform == numbers[1]).OrderBy(device => device.Refusal is not null).FirstOrDefault(),
            3 => Devices.FirstOrDefault(device => device.Platform == numbers[1] && device.Ordinal == numbers[2]),
            _ => null,
        };
        return chosen ?? throw new InvalidInputException("--backend", $"'{text}'", known);
    }

    private static unsafe OpenClPlatform Platform(IOpenClApi api, nint handle, int ordinal, List<OpenClDevice> devices)
    {
        string Text(uint name) => InfoReader.Text("clGetPlatformInfo", (size, value, needed) => api.GetPlatformInfo(handle, name, size, value, needed));

        var platform = new OpenClPlatform(ordinal, Text(ClConstants.PlatformName), Text(ClConstants.PlatformVendor), Text(ClConstants.PlatformVersion), "") { Handle = handle };
        uint count = 0;
        var result = api.GetDeviceIDs(handle, ClConstants.TypeAll, 0, null, &count);
        if (result == ClResult.DeviceNotFound || (result == ClResult.Success && count == 0))
        {
            return platform with { Reason = "it has no device here" };
        }

        try
        {
            InfoReader.Check(result, "clGetDeviceIDs");
            var handles = new nint[count];
            fixed (nint* place = handles)
            {
                InfoReader.Check(api.GetDeviceIDs(handle, ClConstants.TypeAll, count, place, null), "clGetDeviceIDs");
            }

            for (var i = 0; i < handles.Length; i++)
            {
                devices.Add(OpenClDevice.Read(api, platform, handles[i], i));
            }

            return platform;
        }
        catch (OpenClException exception)
        {
            // One vendor's broken driver does not take the others away.
            return platform with { Reason = exception.Message };
        }
    }
}
