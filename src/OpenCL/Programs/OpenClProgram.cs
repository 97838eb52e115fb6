using System.Text;
using Stof.Reference.OpenCL.Api;

namespace Stof.Reference.OpenCL;

/// <summary>A built program. Builds may run on several threads at a time.</summary>
public sealed unsafe class OpenClProgram : IDisposable
{
    private const string Verbose = "-cl-nv-verbose"; // NVIDIA: the log tells registers and spills

    private readonly OpenClDevice _device;
    private readonly ClHandle _program;

    private OpenClProgram(OpenClDevice device, ClHandle program) => (_device, _program) = (device, program);

    /// <summary>True if the compiled program came from the cache.</summary>
    public bool IsFromCache { get; private init; }

    /// <summary>What the compiler said; empty for a program from a cache, ours or the driver's.</summary>
    public string Log { get; private init; } = "";

    /// <summary>Options of every build for a device.</summary>
    public static string OptionsFor(OpenClDevice device)
    {
        ArgumentNullException.ThrowIfNull(device);
        return device.Extensions.Contains("cl_nv_compiler_options") ? $"{device.LanguageOption} {Verbose}" : device.LanguageOption;
    }

    /// <summary>Takes a program from the cache or builds it.</summary>
    /// <param name="context">Where it runs.</param>
    /// <param name="source">Its source.</param>
    /// <param name="cache">Null builds always; not used where the platform has a cache of its own.</param>
    /// <exception cref="OpenClBuildException">It does not compile.</exception>
    public static OpenClProgram Build(OpenClContext context, KernelSource source, ProgramCache? cache)
    {
        ArgumentNullException.ThrowIfNull(context);
        ArgumentNullException.ThrowIfNull(source);
        var device = context.Device;
        cache = device.KeepsPrograms ? null : cache;
        if (cache?.Load(source, OptionsFor(device), device) is { } stored)
        {
            if (TryLoad(context, stored) is { } loaded)
            {
                return loaded;
            }

            cache.Ignore(cache.FileOf(source, OptionsFor(device), device), "the driver does not take it");
        }

        var program = Compile(context, source);
        cache?.Store(source, OptionsFor(device), device, program.Binary());
        return program;
    }

    /// <summary>One of its kernels, with arguments of its own.</summary>
    /// <exception cref="OpenClException">There is no such kernel.</exception>
    public OpenClKernel Kernel(string name) => new(_device.Api, _program, _device.Handle, name);

    /// <inheritdoc/>
    public void Dispose() => _program.Dispose();

    private static OpenClProgram Compile(OpenClContext context, KernelSource source)
    {
        var device = context.Device;
        var api = device.Api;
        var bytes = Encoding.UTF8.GetBytes(source.Text + '\0');
        var program = ClHandle.Create(
            "clCreateProgramWithSource",
            error =>
            {
                fixed (byte* text = bytes)
                {
                    var place = text;
                    return api.CreateProgramWithSource(context.Handle.Value, 1, &place, null, error);
                }
            },
            api.ReleaseProgram,
            source.File);
        var result = BuildFor(device, program);
        var log = InfoReader.Text(
            "clGetProgramBuildInfo",
            (size, value, needed) => api.GetProgramBuildInfo(program.Value, device.Handle, ClConstants.ProgramBuildLog, size, value, needed));
        if (result == ClResult.Success)
        {
            return new OpenClProgram(device, program) { Log = log };
        }

        program.Dispose();
        throw new OpenClBuildException(result, $"{device.Name} ({device.DriverVersion})", source, OptionsFor(device), log);
    }

    // Null where the driver refuses the bytes: then the source is built, as if the cache were empty.
    private static OpenClProgram? TryLoad(OpenClContext context, byte[] stored)
    {
        var device = context.Device;
        var api = device.Api;
        try
        {
            var program = ClHandle.Create(
                "clCreateProgramWithBinary",
                error =>
                {
                    fixed (byte* bytes = stored)
                    {
                        var (id, length, place, status) = (device.Handle, (nuint)stored.Length, (nint)bytes, ClResult.Success);
                        var program = api.CreateProgramWithBinary(context.Handle.Value, 1, &id, &length, (byte**)&place, &status, error);
                        if (status != ClResult.Success)
                        {
                            *error = status;
                        }

                        return program;
                    }
                },
                api.ReleaseProgram);
            if (BuildFor(device, program) == ClResult.Success)
            {
                return new OpenClProgram(device, program) { IsFromCache = true };
            }

            program.Dispose();
            return null;
        }
        catch (OpenClException)
        {
            return null;
        }
    }

    private static ClResult BuildFor(OpenClDevice device, ClHandle program)
    {
        var id = device.Handle;
        fixed (byte* options = Encoding.ASCII.GetBytes(OptionsFor(device) + '\0'))
        {
            return device.Api.BuildProgram(program.Value, 1, &id, options, 0, 0);
        }
    }

    private byte[] Binary()
    {
        var api = _device.Api;
        var bytes = new byte[InfoReader.Value<nuint>(
            "clGetProgramInfo", (size, value, needed) => api.GetProgramInfo(_program.Value, ClConstants.ProgramBinarySizes, size, value, needed))];
        fixed (byte* binary = bytes)
        {
            var place = binary;
            InfoReader.Check(
                api.GetProgramInfo(_program.Value, ClConstants.ProgramBinaries, (nuint)sizeof(byte*), &place, null), "clGetProgramInfo");
        }

        return bytes;
    }
}
