using System.Text;
using Stof.Reference.Cuda.Driver.Api;

namespace Stof.Reference.Cuda.Driver;

/// <summary>
/// Compiles PTX, and links it with cubins, into one cubin for the context's device: what a cache of compiled kernels stores, and where
/// the compiler's warnings can be had.
/// </summary>
public sealed class CudaLinker : IDisposable
{
    private const int CubinInput = 0;
    private const int PtxInput = 1;

    private readonly CudaHandle _handle;
    private readonly JitOptions _options;

    private CudaLinker(CudaHandle handle, JitOptions options)
    {
        _handle = handle;
        _options = options;
    }

    /// <summary>What compiler and linker have said so far.</summary>
    /// <exception cref="ObjectDisposedException">The linker was disposed.</exception>
    public JitLog Log
    {
        get
        {
            using var state = _handle.Use();
            return _options.Read();
        }
    }

    private PrimaryContext Context => _handle.Context;

    /// <summary>Adds PTX.</summary>
    /// <exception cref="CudaBuildException">It does not compile.</exception>
    public void AddPtx(string ptx, string name)
    {
        ArgumentException.ThrowIfNullOrEmpty(ptx);
        Add(PtxInput, Encoding.UTF8.GetBytes(ptx + '\0'), name);
    }

    /// <summary>Adds a cubin.</summary>
    /// <exception cref="CudaBuildException">It is not for this device.</exception>
    public void AddCubin(byte[] cubin, string name)
    {
        ArgumentNullException.ThrowIfNull(cubin);
        Add(CubinInput, cubin, name);
    }

    /// <summary>Links what was added.</summary>
    /// <returns>The cubin.</returns>
    /// <exception cref="CudaBuildException">Symbols are missing or doubled.</exception>
    public unsafe byte[] Complete()
    {
        const string Call = "cuLinkComplete";
        Context.Enter(Call);
        using var state = _handle.Use();
        var result = Context.Api.LinkComplete(state.Value, out var image, out var bytes);
        if (result != CudaResult.Success)
        {
            var fault = Context.Fault(result, Call);
            throw CudaModule.IsBuildFailure(fault)
                ? new CudaBuildException(Call, fault.Error, "link", _options.Read(), null, "its parts were added one by one", "")
                : fault;
        }

        // The image belongs to the linker and goes with it.
        return new ReadOnlySpan<byte>((void*)image, checked((int)bytes)).ToArray();
    }

    /// <inheritdoc/>
    public void Dispose() => _handle.Dispose();

    internal static unsafe CudaLinker Create(PrimaryContext context)
    {
        var options = new JitOptions();
        try
        {
            var handle = CudaHandle.Create(
                context,
                "cuLinkCreate_v2",
                (api, out raw) => api.LinkCreate(JitOptions.Count, options.Options, options.Values, out raw),
                (api, raw) =>
                {
                    // The linker writes to the logs until it is gone.
                    api.LinkDestroy(raw);
                    options.Dispose();
                });
            return new CudaLinker(handle, options);
        }
        catch
        {
            options.Dispose();
            throw;
        }
    }

    private unsafe void Add(int type, byte[] data, string name)
    {
        const string Call = "cuLinkAddData_v2";
        ArgumentNullException.ThrowIfNull(name);
        if (data.Length == 0)
        {
            throw new InvalidInputException("linker input", $"'{name}' is empty", "PTX text or the bytes of a cubin");
        }

        Context.Enter(Call);
        using var state = _handle.Use();
        CudaResult result;
        fixed (byte* pointer = data)
        fixed (byte* label = Encoding.UTF8.GetBytes(name + '\0'))
        {
            result = Context.Api.LinkAddData(state.Value, type, pointer, (nuint)data.Length, label);
        }

        if (result != CudaResult.Success)
        {
            var fault = Context.Fault(result, Call);
            throw CudaModule.IsBuildFailure(fault)
                ? CudaModule.BuildFailure(fault, type == PtxInput ? data.AsSpan(..^1) : data, name, type == PtxInput, _options.Read())
                : fault;
        }
    }
}
