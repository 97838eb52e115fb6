namespace Stof.Reference.OpenCL.Execution;

/// <summary>Buffers that are freed together.</summary>
/// <param name="context">Whose memory.</param>
internal sealed class BufferSet(OpenClContext context) : IDisposable
{
    private readonly List<OpenClBuffer> _buffers = [];

    /// <summary>Reserves memory.</summary>
    public OpenClBuffer Allocate(long bytes) => Keep(context.Allocate(bytes));

    /// <summary>Reserves memory and copies values there.</summary>
    public OpenClBuffer Upload<T>(ReadOnlySpan<T> values)
        where T : unmanaged => Keep(context.Upload(values));

    /// <inheritdoc/>
    public void Dispose()
    {
        foreach (var buffer in _buffers)
        {
            buffer.Dispose();
        }
    }

    private OpenClBuffer Keep(OpenClBuffer buffer)
    {
        _buffers.Add(buffer);
        return buffer;
    }
}
