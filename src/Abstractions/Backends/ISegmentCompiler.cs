using Stof.Reference.Graphs;
using Stof.Reference.Models;
using Stof.Reference.Plans;
using Stof.Reference.Tensors;

namespace Stof.Reference.Backends;

/// <summary>
/// What a backend brings to run plans: segments become steps over buffers. <see cref="LayeredExecutable{T}"/> and
/// <see cref="SegmentMeasurer{T}"/> do the rest. Disposed with whoever was given it.
/// </summary>
/// <typeparam name="T">What holds a value.</typeparam>
public interface ISegmentCompiler<T> : IDisposable
    where T : class
{
    /// <summary>Binds one segment to its weights.</summary>
    /// <param name="graph">The graph.</param>
    /// <param name="plan">Segment, template, parameters.</param>
    /// <param name="weights">Weights under the graph's names.</param>
    Action<Frame<T>> Compile(OperatorGraph graph, SegmentPlan plan, IReadOnlyDictionary<string, HostTensor> weights);

    /// <summary>What the embedding operators read; set before a prologue runs.</summary>
    void SetInput(ModelInput input);

    /// <summary>An empty buffer for a value of a graph.</summary>
    T Allocate(OperatorGraph graph, int value);

    /// <summary>Bytes of a buffer.</summary>
    long SizeOf(T buffer);

    /// <summary>Copies bytes from the start of a buffer, after every step that was started.</summary>
    void Read(T buffer, Span<byte> bytes);

    /// <summary>Copies bytes into a buffer.</summary>
    void Write(T buffer, ReadOnlySpan<byte> bytes, long offset);

    /// <summary>Waits for every step that was started.</summary>
    void Synchronize();
}
