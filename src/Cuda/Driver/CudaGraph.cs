using Stof.Reference.Cuda.Driver.Api;

namespace Stof.Reference.Cuda.Driver;

/// <summary>Recorded work that is launched as one: no launch cost for each kernel. It keeps the buffers it uses out of the pool.</summary>
public sealed class CudaGraph : IDisposable
{
    private readonly CudaHandle _handle;
    private readonly CudaMemory[] _buffers;

    private CudaGraph(CudaHandle handle, CudaMemory[] buffers, int nodes)
    {
        _handle = handle;
        _buffers = buffers;
        Nodes = nodes;
    }

    /// <summary>Kernels, copies and fills in it.</summary>
    public int Nodes { get; }

    private PrimaryContext Context => _handle.Context;

    /// <summary>Enqueues the whole graph. One graph runs once at a time; launches on one stream follow each other.</summary>
    public void Launch(CudaStream stream)
    {
        ArgumentNullException.ThrowIfNull(stream);
        if (!stream.Handle.LivesIn(Context))
        {
            throw new InvalidInputException("stream", "a stream of another context, or disposed", $"a stream of {Context.Device}'s context");
        }

        using var graph = _handle.Use();
        using var queue = stream.Begin("cuGraphLaunch");
        Array.ForEach(_buffers, stream.MarkUsed);
        Context.Check(Context.Api.GraphLaunch(graph.Value, queue.Value), "cuGraphLaunch");
    }

    /// <inheritdoc/>
    public void Dispose() => _handle.Dispose();

    /// <summary>Makes a captured graph launchable; takes over the captured one and destroys it.</summary>
    internal static unsafe CudaGraph Instantiate(PrimaryContext context, nint captured, IReadOnlyList<CudaMemory> used)
    {
        try
        {
            nuint nodes = 0;
            context.Check(context.Api.GraphGetNodes(captured, null, ref nodes), "cuGraphGetNodes");
            var buffers = used.Distinct().ToArray();
            var held = new List<CudaHandle>();
            void Release() => held.ForEach(buffer => buffer.DangerousRelease());
            try
            {
                foreach (var buffer in buffers)
                {
                    var added = false;
                    buffer.Handle.DangerousAddRef(ref added);
                    held.Add(buffer.Handle);
                }
            }
            catch (ObjectDisposedException)
            {
                Release();
                throw new InvalidInputException("graph", "a buffer that was disposed during the capture", "buffers that live as long as the graph");
            }

            var made = false;
            try
            {
                var handle = CudaHandle.Create(
                    context,
                    "cuGraphInstantiateWithFlags",
                    (api, out raw) =>
                    {
                        var result = api.GraphInstantiateWithFlags(out raw, captured, 0);
                        made = result == CudaResult.Success;
                        return result;
                    },
                    (api, raw) =>
                    {
                        api.GraphExecDestroy(raw);
                        Release();
                    });
                return new CudaGraph(handle, buffers, (int)nodes);
            }
            finally
            {
                if (!made)
                {
                    Release();
                }
            }
        }
        finally
        {
            context.Api.GraphDestroy(captured);
        }
    }
}
