using System.Text;
using Stof.Reference.OpenCL.Api;

namespace Stof.Reference.OpenCL;

/// <summary>A built program. Builds may run on several threads at a time.</summary>
public sealed unsafe class OpenClProgram : IDisposable
{
    /// <summary>Options of every build: the language of OpenCL 1.2, which every device has.</summary>
    public const string Options = "-cl-std=CL1.2";

    private readonly OpenClDevice _device;
    private readonly ClHandle _program;

    private OpenClProgram(OpenClDevice device, ClHandle program) => (_device, _program) = (device, program);

    /// <summary>True if the compiled program came from the cache.</summary>
    public bool IsFromCache { get; private init; }

    /// <summary>Takes a program from the cache or builds it.</summary>
    /// <param name="context">Where it runs.</param>
    /// <param name="source">Its source.</param>
    /// <param name="cache">Null builds always.</param>
    /// <exception cref="OpenClBuildException">It does not compile.</exception>
    public static OpenClProgram Build(OpenClContext context, KernelSource source, ProgramCache? cache)
    {
        ArgumentNullException.ThrowIfNull(context);
        ArgumentNullException.ThrowIfNull(source);
        var device = context.Device;
        if (cache?.Load(source, Options, device) is { } stored)
        {
            if (TryLoad(context, stored) is { } loaded)
            {
                return loaded;
            }

            cache.Ignore(cache.FileOf(source, Options, device), "the driver does not take it");
        }

        var program = Compile(context, source);
        cache?.Store(source, Options, device, program.Binary());
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
        if (result == ClResult.Success)
        {
            return new OpenClProgram(device, program);
        }

        var log = InfoReader.Text(
            "clGetProgramBuildInfo",
            (size, value, needed) => api.GetProgramBuildInfo(program.Value, device.Handle, ClConstants.ProgramBuildLog, size, value, needed));
        program.Dispose();
        throw new OpenClBuildException(result, $"{device.Name} ({device.DriverVersion})", source, Options, log);
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
        fixed (byte* options = Encoding.ASCII.GetBytes(Options + '\0'))
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
