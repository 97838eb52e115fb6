using System.Runtime.InteropServices;

namespace Stof.Reference.Cuda.Driver;

/// <summary>Keeps a handle from being destroyed while a call uses it.</summary>
internal readonly ref struct HandleUse
{
    private readonly SafeHandle _handle;

    public HandleUse(SafeHandle handle)
    {
        var held = false;
        handle.DangerousAddRef(ref held);
        _handle = handle;
        Value = handle.DangerousGetHandle();
    }

    /// <summary>The raw handle.</summary>
    public nint Value { get; }

    public void Dispose() => _handle.DangerousRelease();
}
