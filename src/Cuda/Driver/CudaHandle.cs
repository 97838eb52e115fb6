using System.Runtime.InteropServices;
using Stof.Reference.Cuda.Driver.Api;

namespace Stof.Reference.Cuda.Driver;

/// <summary>Owns one driver object and a reference to its context: destroyed exactly once, by Dispose or by the finaliser.</summary>
internal sealed class CudaHandle : SafeHandle
{
    private readonly Action<ICudaApi, nint> _destroy;
    private readonly bool _held;

    private CudaHandle(PrimaryContext context, Action<ICudaApi, nint> destroy)
        : base(0, ownsHandle: true)
    {
        Context = context;
        _destroy = destroy;
        context.DangerousAddRef(ref _held);
    }

    /// <summary>Makes one driver object. The handle exists before the object, so that no failure between the two can leak it.</summary>
    public delegate CudaResult Creator(ICudaApi api, out nint raw);

    public PrimaryContext Context { get; }

    /// <summary>Never invalid: the reference to the context must be given back even if no object was made.</summary>
    public override bool IsInvalid => false;

    /// <summary>Creates the driver object and its owner.</summary>
    /// <param name="context">Where it lives.</param>
    /// <param name="call">The creating call, for messages.</param>
    /// <param name="create">Makes the object.</param>
    /// <param name="destroy">Destroys it; the context is current then.</param>
    public static CudaHandle Create(PrimaryContext context, string call, Creator create, Action<ICudaApi, nint> destroy)
    {
        context.Enter(call);
        var owner = new CudaHandle(context, destroy);
        try
        {
            var result = create(context.Api, out var raw);
            if (result == CudaResult.Success)
            {
                owner.SetHandle(raw);
            }

            context.Check(result, call);
            return owner;
        }
        catch
        {
            owner.Dispose();
            throw;
        }
    }

    /// <summary>The raw handle, kept alive until the result is disposed.</summary>
    /// <exception cref="ObjectDisposedException">The object is disposed.</exception>
    public HandleUse Use() => new(this);

    /// <summary>True if the object is not disposed and lives in this context.</summary>
    public bool LivesIn(PrimaryContext context) => !IsClosed && ReferenceEquals(Context, context);

    protected override bool ReleaseHandle()
    {
        try
        {
            if (handle != 0)
            {
                // As in PrimaryContext: on a lost context both calls return its error, which tells nothing new.
                Context.Api.CtxSetCurrent(Context.DangerousGetHandle());
                _destroy(Context.Api, handle);
            }
        }
        finally
        {
            if (_held)
            {
                Context.DangerousRelease();
            }
        }

        return true;
    }
}
