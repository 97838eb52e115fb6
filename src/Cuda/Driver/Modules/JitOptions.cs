using System.Runtime.InteropServices;
using System.Text;
using Stof.Reference.Cuda.Driver.Api;

namespace Stof.Reference.Cuda.Driver;

/// <summary>
/// The options that ask the driver's compiler for its logs. The buffers lie outside the managed heap, for the linker writes to them until it
/// is destroyed.
/// </summary>
internal sealed unsafe class JitOptions : IDisposable
{
    /// <summary>How many options there are.</summary>
    public const uint Count = 5;

    private const int LogBytes = 64 * 1024;

    private byte* _memory;

    public JitOptions()
    {
        // One allocation: values (8 bytes each), options (4 bytes each), two logs.
        var head = (int)Count * (sizeof(void*) + sizeof(JitOption));
        _memory = (byte*)NativeMemory.AllocZeroed((nuint)(head + (2 * LogBytes)));
        Values = (void**)_memory;
        Options = (JitOption*)(Values + Count);
        Information = _memory + head;
        Errors = Information + LogBytes;
        Set(0, JitOption.InfoLogBuffer, Information);
        Set(1, JitOption.InfoLogBufferSizeBytes, (void*)LogBytes);
        Set(2, JitOption.ErrorLogBuffer, Errors);
        Set(3, JitOption.ErrorLogBufferSizeBytes, (void*)LogBytes);
        Set(4, JitOption.LogVerbose, (void*)1);
    }

    public JitOption* Options { get; }

    public void** Values { get; }

    private byte* Information { get; }

    private byte* Errors { get; }

    /// <summary>What was written so far.</summary>
    public JitLog Read() => new(Text(Information), Text(Errors));

    // No finaliser: it could run before the linker's, which still writes here. Whoever destroys the linker disposes this.
    public void Dispose()
    {
        NativeMemory.Free(_memory);
        _memory = null;
    }

    // The sizes that the driver writes back count differently from version to version; the text ends at its zero.
    private static string Text(byte* log)
    {
        var bytes = new ReadOnlySpan<byte>(log, LogBytes);
        var end = bytes.IndexOf((byte)0);
        return Encoding.UTF8.GetString(end < 0 ? bytes : bytes[..end]).Trim();
    }

    private void Set(int index, JitOption option, void* value)
    {
        Options[index] = option;
        Values[index] = value;
    }
}
