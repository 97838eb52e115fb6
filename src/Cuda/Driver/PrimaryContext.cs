using System.Runtime.InteropServices;
using Stof.Reference.Cuda.Driver.Api;

namespace Stof.Reference.Cuda.Driver;

/// <summary>
/// The retained primary context of a device, with what all objects inside share: the pool and the knowledge that the context is lost.
/// Every object inside holds a reference, so it is released after the last of them, in whatever order they are disposed or finalised.
/// </summary>
internal sealed class PrimaryContext : SafeHandle
{
    private readonly int _deviceHandle;

    private CudaContextLostException? _lost;

    private PrimaryContext(ICudaApi api, CudaDevice device, int deviceHandle)
        : base(0, ownsHandle: true)
    {
        Api = api;
        Device = device;
        _deviceHandle = deviceHandle;
        Pool = new BlockPool(this);
    }

    public ICudaApi Api { get; }

    public CudaDevice Device { get; }

    public BlockPool Pool { get; }

    /// <summary>Streams that are being captured; nothing may synchronise the context meanwhile.</summary>
    public int Captures;

    public bool IsLost => _lost is not null;

    public override bool IsInvalid => handle == 0;

    /// <summary>Retains the device's primary context.</summary>
    public static PrimaryContext Open(ICudaApi api, CudaDevice device)
    {
        Require(api.DeviceGet(out var deviceHandle, device.Ordinal), "cuDeviceGet");
        var context = new PrimaryContext(api, device, deviceHandle);
        Require(api.DevicePrimaryCtxRetain(out var raw, deviceHandle), "cuDevicePrimaryCtxRetain");
        context.SetHandle(raw);
        return context;

        void Require(CudaResult result, string call)
        {
            if (result != CudaResult.Success)
            {
                throw new CudaException(call, CudaErrorTable.Find(result, api), device.ToString());
            }
        }
    }

    /// <summary>Makes the context current on this thread. First step of every call in it.</summary>
    /// <param name="call">The call that is about to be made, for the message.</param>
    /// <exception cref="CudaContextLostException">An earlier call lost the context.</exception>
    /// <exception cref="ObjectDisposedException">The context is closed.</exception>
    public void Enter(string call)
    {
        if (_lost is { } cause)
        {
            throw new CudaContextLostException(Device.ToString(), call, cause);
        }

        // Each time: other code of the process may have made another context current on this thread.
        ObjectDisposedException.ThrowIf(IsClosed, typeof(CudaContext));
        Check(Api.CtxSetCurrent(handle), "cuCtxSetCurrent");
    }

    /// <summary>Turns anything but success into an exception, and remembers that a context is lost.</summary>
    public void Check(CudaResult result, string call, string detail = "")
    {
        if (result != CudaResult.Success)
        {
            throw Fault(result, call, detail);
        }
    }

    /// <summary>The exception for a result that is not success.</summary>
    public CudaException Fault(CudaResult result, string call, string detail = "")
    {
        var error = CudaErrorTable.Find(result, Api);
        if (!error.LosesContext)
        {
            return new CudaException(call, error, detail);
        }

        var lost = new CudaContextLostException(Device.ToString(), call, error);
        Interlocked.CompareExchange(ref _lost, lost, null);
        return lost;
    }

    protected override bool ReleaseHandle()
    {
        // Results are of no use here: a lost context answers every call with its error, and the driver frees what it held.
        Api.CtxSetCurrent(handle);
        Pool.FreeAll();
        return Api.DevicePrimaryCtxRelease(_deviceHandle) == CudaResult.Success;
    }
}
