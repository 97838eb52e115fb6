using System.Text;
using Stof.Reference.OpenCL.Api;

namespace Stof.Reference.OpenCL;

/// <summary>A kernel with its arguments, set by position. Not thread-safe.</summary>
public sealed unsafe class OpenClKernel : IDisposable
{
    private readonly IOpenClApi _api;
    private readonly ClHandle _handle;
    private readonly bool[] _isSet;
    private int _next;

    internal OpenClKernel(IOpenClApi api, ClHandle program, nint device, string name)
    {
        _api = api;
        Name = name;
        _handle = ClHandle.Create(
            "clCreateKernel",
            error =>
            {
                fixed (byte* text = Encoding.UTF8.GetBytes(name + '\0'))
                {
                    return api.CreateKernel(program.Value, text, error);
                }
            },
            api.ReleaseKernel,
            name);
        _isSet = new bool[InfoReader.Value<uint>("clGetKernelInfo", (size, value, needed) => api.GetKernelInfo(Handle, ClConstants.KernelNumArgs, size, value, needed))];
        MaxWorkGroup = (int)InfoReader.Value<nuint>(
            "clGetKernelWorkGroupInfo", (size, value, needed) => api.GetKernelWorkGroupInfo(Handle, device, ClConstants.KernelWorkGroupSize, size, value, needed));
    }

    /// <summary>Name in its source.</summary>
    public string Name { get; }

    /// <summary>Most work-items in a group, registers considered.</summary>
    public int MaxWorkGroup { get; }

    /// <summary>The raw handle.</summary>
    internal nint Handle => _handle.Value;

    /// <summary>Starts a new list of arguments.</summary>
    public OpenClKernel Begin()
    {
        _next = 0;
        Array.Clear(_isSet);
        return this;
    }

    /// <summary>Sets the next argument to a buffer; null is a null pointer.</summary>
    /// <exception cref="OpenClException">The argument is something else.</exception>
    public OpenClKernel Add(OpenClBuffer? buffer)
    {
        var memory = buffer?.Memory.Value ?? 0;
        return Set((nuint)sizeof(nint), &memory);
    }

    /// <summary>Sets the next argument to a number.</summary>
    /// <exception cref="OpenClException">The argument is something else.</exception>
    public OpenClKernel Add<T>(T value)
        where T : unmanaged => Set((nuint)sizeof(T), &value);

    /// <summary>Sets the next argument to local memory.</summary>
    /// <param name="bytes">Its size, above 0.</param>
    /// <exception cref="OpenClException">The argument is something else.</exception>
    public OpenClKernel AddLocal(long bytes) => Set((nuint)bytes, null);

    /// <summary>Requires that every argument was set: OpenCL itself keeps those of the launch before.</summary>
    internal void RequireArguments()
    {
        if (Array.IndexOf(_isSet, false) is >= 0 and var missing)
        {
            throw new OpenClException("clEnqueueNDRangeKernel", OpenClErrorTable.Find(ClResult.InvalidKernelArgs), $"{Name}, argument {missing} of {_isSet.Length}");
        }
    }

    /// <inheritdoc/>
    public void Dispose() => _handle.Dispose();

    private OpenClKernel Set(nuint size, void* value)
    {
        InfoReader.Check(_api.SetKernelArg(Handle, (uint)_next, size, value), "clSetKernelArg", $"{Name}, argument {_next}, {size} bytes");
        _isSet[_next++] = true;
        return this;
    }
}
