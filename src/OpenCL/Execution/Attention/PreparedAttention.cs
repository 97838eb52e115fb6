using Stof.Reference.Operators;

namespace Stof.Reference.OpenCL.Execution.Attention;

/// <summary>A place in a buffer.</summary>
/// <param name="Buffer">The buffer.</param>
/// <param name="At">Where it begins, in bytes.</param>
internal readonly record struct Place(OpenClBuffer Buffer, long At);

/// <summary>
/// One attention made ready for a device: kernels, tile lists, work and bias are there. Tensors come with each run, or lie in a place that this object
/// has reserved for them: in the buffer of the lists where that can hold them. Not thread-safe.
/// </summary>
internal sealed class PreparedAttention : IDisposable
{
    private readonly KernelDevice _device;
    private readonly AttentionProblem _problem;
    private readonly BufferSet _buffers;
    private readonly AttentionShape _shape;
    private readonly AttentionLayoutPlan _plan;
    private readonly OpenClKernel _kernel;
    private readonly OpenClKernel? _merge;
    private readonly int _itemCount;
    private readonly int _mergeCount;
    private readonly OpenClBuffer _lists;
    private (OpenClBuffer Inputs, OpenClBuffer O)? _bound;

    /// <summary>Prepares a valid problem.</summary>
    /// <param name="device">Where.</param>
    /// <param name="problem">The problem.</param>
    /// <param name="plan">Kernel and tile.</param>
    /// <param name="place">Says where in their buffers the tensors lie.</param>
    /// <param name="own">Bytes of inputs and of O to reserve; null if they come with each run.</param>
    public PreparedAttention(
        KernelDevice device, AttentionProblem problem, AttentionLayoutPlan plan, Func<AttentionShape, AttentionShape> place, (long Inputs, long O)? own = null)
    {
        (_device, _problem) = (device, problem);
        _buffers = new BufferSet(device.Context);
        _plan = plan with { IsJoined = own is not null }; // likely: it fits one buffer
        device.Programs.BuildAhead([_plan.Program(device, problem)]); // while masks are cut into tiles
        try
        {
            var bias = problem.Bias is null ? null : DeviceBias.Of(problem);
            _shape = place(AttentionShape.Of(problem, bias));
            (_shape.TileRows, _shape.TileColumns) = (plan.Tile.Rows, plan.Tile.Columns);
            var (mask, work) = plan.Lists(device, problem);
            (_itemCount, _mergeCount) = (work.Items.Length, work.Merges.Length);
            var lists = new JoinedLists();
            ref var at = ref _shape.At;
            at.Items = lists.Add(work.Items);
            at.Columns = lists.Add(NotEmpty(mask.LoadColIdx));
            at.PartTiles = lists.Add(NotEmpty(mask.LoadPartIdx));
            at.Bits = plan.AddBits(lists, mask);
            if (bias is not null)
            {
                at.Bias = lists.Add(bias.Values);
                at.BiasOrigins = lists.Add(bias.Origins);
            }

            if (problem.Sinks is not null)
            {
                at.Sinks = lists.Add([.. problem.Sinks.Select(sink => (float)sink)]);
            }

            if (_shape.HasLse != 0)
            {
                at.LogSumExp = lists.Reserve((long)problem.Batch * problem.QueryHeads * problem.QueryLength * sizeof(float));
            }

            if (_mergeCount > 0)
            {
                at.Cuts = lists.Add(work.Merges);
                at.Arrivals = lists.Add(new int[_mergeCount]);
                at.States = lists.Reserve(work.Parts * plan.StateFloats(problem) * sizeof(float));
            }

            _plan = plan with { IsJoined = own is { } bytes && lists.Holds(device.Device.MaxBufferBytes, bytes.Inputs, bytes.O) };
            if (_plan.IsJoined)
            {
                (at.Inputs, at.O) = (lists.Reserve(own!.Value.Inputs), lists.Reserve(own.Value.O));
            }

            _kernel = device.Programs.OwnKernel(_plan.Program(device, problem), plan.KernelName);
            _merge = _mergeCount == 0 || plan.MergesItself ? null : device.Programs.OwnKernel(_plan.MergeProgram(device, problem), "attention_merge");
            _lists = lists.Upload(device.Context, _buffers);
            if (own is { } tensors)
            {
                Place Reserved(long place, long size) => _plan.IsJoined ? new Place(_lists, place) : new Place(_buffers.Allocate(size), 0);
                (Inputs, O) = (Reserved(_shape.At.Inputs, tensors.Inputs), Reserved(_shape.At.O, tensors.O));
            }
        }
        catch
        {
            Dispose();
            throw;
        }
    }

    /// <summary>The reserved inputs, where some were.</summary>
    public Place Inputs { get; }

    /// <summary>The reserved O, where one was.</summary>
    public Place O { get; }

    /// <summary>Starts the attention of reserved tensors.</summary>
    public void Run() => Run(Inputs.Buffer, O.Buffer);

    /// <summary>Starts the attention.</summary>
    /// <param name="inputs">Q, K and V, where the shape places them.</param>
    /// <param name="o">O.</param>
    public void Run(OpenClBuffer inputs, OpenClBuffer o)
    {
        if (_itemCount == 0)
        {
            return;
        }

        // Setting arguments takes longer than a short kernel.
        if (_bound != (inputs, o))
        {
            Bind(inputs, o);
            _bound = (inputs, o);
        }

        _device.Context.Launch(_kernel, new WorkSize((long)_itemCount * _plan.GroupsPerItem), new WorkSize(_plan.GroupSize));
        if (_merge is not null)
        {
            _device.Context.Launch(_merge, new WorkSize((long)_mergeCount * _plan.Tile.Rows), new WorkSize(AttentionLayoutPlan.RowItems(_device)));
        }
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        _merge?.Dispose();
        _kernel?.Dispose();
        _buffers.Dispose();
    }

    /// <summary>Copies LSE to the host, after everything that was started before; only where the problem asks for it.</summary>
    public void ReadLogSumExp(Span<byte> bytes) => _device.Context.Read(_lists, bytes, _shape.At.LogSumExp);

    private void Bind(OpenClBuffer inputs, OpenClBuffer o)
    {
        var kernel = BindBuffers(_kernel, inputs, o);
        if (_plan.LocalBytes(_problem) is > 0 and var bytes)
        {
            kernel.AddLocal(bytes);
        }

        if (_merge is not null)
        {
            BindBuffers(_merge, inputs, o);
        }
    }

    // As TENSORS_AND_LISTS in attention.cl.
    private OpenClKernel BindBuffers(OpenClKernel kernel, OpenClBuffer inputs, OpenClBuffer o)
    {
        kernel.Begin().Add(_shape);
        return _plan.IsJoined ? kernel.Add(_lists) : kernel.Add(inputs).Add(o).Add(_lists);
    }

    // Kernels ask for an entry ahead, and for one even where a row has none.
    private static int[] NotEmpty(int[] entries) => entries.Length > 0 ? entries : [-1];
}
