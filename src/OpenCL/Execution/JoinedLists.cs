using System.Runtime.InteropServices;

namespace Stof.Reference.OpenCL.Execution;

/// <summary>
/// Lists that a kernel takes in one buffer: each buffer among its arguments makes a launch longer, by 0.4 µs with NVIDIA's driver, whose empty kernel
/// takes 5.
/// </summary>
internal sealed class JoinedLists
{
    /// <summary>Bytes between beginnings are a multiple of this.</summary>
    public const long Alignment = 256;

    private readonly List<(long At, Bytes Values)> _lists = [];

    private delegate ReadOnlySpan<byte> Bytes();

    /// <summary>Bytes so far.</summary>
    public long Size { get; private set; }

    /// <summary>Adds a list.</summary>
    /// <returns>Where it begins, in bytes.</returns>
    public long Add<T>(T[] values)
        where T : unmanaged
    {
        var at = Reserve(values.LongLength * Marshal.SizeOf<T>());
        _lists.Add((at, () => MemoryMarshal.AsBytes<T>(values)));
        return at;
    }

    /// <summary>Adds room that holds whatever was there.</summary>
    /// <returns>Where it begins, in bytes.</returns>
    public long Reserve(long bytes)
    {
        var at = Size;
        Size = (Size + bytes + Alignment - 1) / Alignment * Alignment;
        return at;
    }

    /// <summary>The buffer with all of them.</summary>
    /// <exception cref="InvalidInputException">They exceed what the device gives one buffer.</exception>
    public OpenClBuffer Upload(OpenClContext context, BufferSet buffers)
    {
        var buffer = buffers.Allocate(Size);
        foreach (var (at, values) in _lists)
        {
            context.Write(buffer, values(), at);
        }

        return buffer;
    }
}
