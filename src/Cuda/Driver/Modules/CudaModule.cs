using System.Text;
using Stof.Reference.Cuda.Driver.Api;

namespace Stof.Reference.Cuda.Driver;

/// <summary>Loaded code.</summary>
public sealed class CudaModule : IDisposable
{
    private const string LoadCall = "cuModuleLoadDataEx";

    private readonly CudaHandle _handle;

    private CudaModule(CudaHandle handle, string name, JitLog log)
    {
        _handle = handle;
        Name = name;
        Log = log;
    }

    /// <summary>The name it was loaded under.</summary>
    public string Name { get; }

    /// <summary>What the compiler said; empty if the driver's cache already held the code.</summary>
    public JitLog Log { get; }

    /// <summary>The compiler's warnings (C7508, C7510 and all others).</summary>
    public IReadOnlyList<JitWarning> Warnings => Log.Warnings;

    internal CudaHandle Handle => _handle;

    private PrimaryContext Context => _handle.Context;

    /// <summary>Finds a kernel.</summary>
    /// <param name="name">Its name in the PTX <c>.entry</c>.</param>
    /// <exception cref="InvalidInputException">The module has no such kernel.</exception>
    public unsafe CudaFunction GetFunction(string name)
    {
        ArgumentException.ThrowIfNullOrEmpty(name);
        Context.Enter("cuModuleGetFunction");
        using var module = _handle.Use();
        nint function;
        CudaResult result;
        fixed (byte* text = Encoding.UTF8.GetBytes(name + '\0'))
        {
            result = Context.Api.ModuleGetFunction(out function, module.Value, text);
        }

        if (result == CudaResult.NotFound)
        {
            throw new InvalidInputException("kernel", $"no '{name}' in module '{Name}'", "the name of an .entry of the module");
        }

        Context.Check(result, "cuModuleGetFunction", $"'{name}' in module '{Name}'");
        return new CudaFunction(this, name, function);
    }

    /// <inheritdoc/>
    public void Dispose() => _handle.Dispose();

    internal static unsafe CudaModule Load(PrimaryContext context, ReadOnlySpan<byte> image, string name, bool isPtx)
    {
        ArgumentNullException.ThrowIfNull(name);
        if (image.IsEmpty)
        {
            throw new InvalidInputException("module", $"'{name}' is empty", isPtx ? "PTX text" : "the bytes of a cubin");
        }

        // PTX is a C string; a cubin knows its own length and does not mind the zero.
        var terminated = new byte[image.Length + 1];
        image.CopyTo(terminated);
        using var options = new JitOptions();
        try
        {
            var handle = CudaHandle.Create(
                context,
                LoadCall,
                (api, out raw) =>
                {
                    fixed (byte* pointer = terminated)
                    {
                        return api.ModuleLoadDataEx(out raw, pointer, JitOptions.Count, options.Options, options.Values);
                    }
                },
                static (api, raw) => api.ModuleUnload(raw));
            return new CudaModule(handle, name, options.Read());
        }
        catch (CudaException exception) when (IsBuildFailure(exception))
        {
            throw BuildFailure(exception, image, name, isPtx, options.Read());
        }
    }

    /// <summary>The exception for an image that compiler, linker or loader refused; keeps the image in a file.</summary>
    internal static CudaBuildException BuildFailure(CudaException cause, ReadOnlySpan<byte> image, string name, bool isPtx, JitLog log)
    {
        var (file, failure) = KeptImage.Write(image, name, isPtx ? "ptx" : "cubin");
        var detail = isPtx && cause.Error.Code == (int)CudaResult.UnsupportedPtxVersion ? VersionLine(image) : "";
        return new CudaBuildException(cause.Call, cause.Error, name, log, file, failure, detail);
    }

    /// <summary>True for failures that lie in the image; lost contexts and a full device do not.</summary>
    internal static bool IsBuildFailure(CudaException exception) =>
        exception is not CudaContextLostException
        && (CudaResult)exception.Error.Code is not (CudaResult.OutOfMemory or CudaResult.StreamCaptureUnsupported);

    private static string VersionLine(ReadOnlySpan<byte> ptx)
    {
        var line = Encoding.UTF8.GetString(ptx).Split('\n').FirstOrDefault(text => text.TrimStart().StartsWith(".version", StringComparison.Ordinal));
        return line is null ? "it has no .version line" : $"it says '{line.Trim()}'";
    }
}
