using System.Runtime.InteropServices;

namespace Stof.Reference.OpenCL.Api;

/// <summary>Owns one OpenCL object: released exactly once, by Dispose or by the finaliser. OpenCL counts what depends on what itself.</summary>
internal sealed class ClHandle : SafeHandle
{
    private readonly Func<nint, ClResult> _release;

    private ClHandle(Func<nint, ClResult> release)
        : base(0, ownsHandle: true) => _release = release;

    /// <summary>Makes one object.</summary>
    public unsafe delegate nint Creator(ClResult* error);

    /// <inheritdoc/>
    public override bool IsInvalid => handle == 0;

    /// <summary>The raw handle.</summary>
    /// <exception cref="ObjectDisposedException">The object is released.</exception>
    public nint Value
    {
        get
        {
            ObjectDisposedException.ThrowIf(IsClosed, this);
            return handle;
        }
    }

    /// <summary>Creates an object and its owner, which exists first, so that no failure between the two can leak the object.</summary>
    /// <param name="call">The creating call, for messages.</param>
    /// <param name="create">Makes the object.</param>
    /// <param name="release">Releases it.</param>
    /// <param name="detail">Facts for messages.</param>
    /// <exception cref="OpenClException">The call failed.</exception>
    public static unsafe ClHandle Create(string call, Creator create, Func<nint, ClResult> release, string detail = "")
    {
        var owner = new ClHandle(release);
        var error = ClResult.Success;
        owner.SetHandle(create(&error));
        if (error == ClResult.Success && !owner.IsInvalid)
        {
            return owner;
        }

        owner.Dispose();
        throw new OpenClException(call, OpenClErrorTable.Find(error), detail);
    }

    /// <inheritdoc/>
    protected override bool ReleaseHandle() => _release(handle) == ClResult.Success;
}
