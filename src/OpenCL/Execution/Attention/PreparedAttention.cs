using Stof.Reference.Formats;
using Stof.Reference.Operators;

namespace Stof.Reference.OpenCL.Execution.Attention;

/// <summary>
/// One attention made ready for a device: kernels, tile lists, work and bias are there, tensors come with each run. Not thread-safe.
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
    private readonly OpenClBuffer _items;
    private readonly OpenClBuffer _columns;
    private readonly OpenClBuffer _parts;
    private readonly OpenClBuffer _bitmaps;
    private readonly OpenClBuffer? _merges;
    private readonly OpenClBuffer? _states;
    private readonly OpenClBuffer? _arrivals;
    private readonly OpenClBuffer? _bias;
    private readonly OpenClBuffer? _origins;
    private readonly OpenClBuffer? _sinks;
    private (OpenClBuffer Q, OpenClBuffer K, OpenClBuffer V, OpenClBuffer O, OpenClBuffer? Lse)? _bound;

    /// <summary>Prepares a valid problem.</summary>
    /// <param name="device">Where.</param>
    /// <param name="problem">The problem; its layout holds where <paramref name="place"/> says nothing else.</param>
    /// <param name="plan">Kernel and tile.</param>
    /// <param name="place">Changes where the tensors lie; null for tensors of their own.</param>
    public PreparedAttention(KernelDevice device, AttentionProblem problem, AttentionLayoutPlan plan, Func<AttentionShape, AttentionShape>? place = null)
    {
        (_device, _problem, _plan) = (device, problem, plan);
        _buffers = new BufferSet(device.Context);
        var program = plan.Program(device, problem);
        device.Programs.BuildAhead([program]); // while masks are cut into tiles
        try
        {
            var bias = problem.Bias is null ? null : DeviceBias.Of(problem);
            _shape = AttentionShape.Of(problem, bias);
            _shape = place?.Invoke(_shape) ?? _shape;
            if (bias is not null)
            {
                _bias = _buffers.Upload<float>(bias.Values);
                _origins = _buffers.Upload<int>(bias.Origins);
            }

            if (problem.Sinks is not null)
            {
                _sinks = _buffers.Upload<float>([.. problem.Sinks.Select(sink => (float)sink)]);
            }

            var (mask, work) = plan.Lists(device, problem);
            (_itemCount, _mergeCount) = (work.Items.Length, work.Merges.Length);
            _items = _buffers.Upload<TileWorkItem>(work.Items);
            _columns = _buffers.Upload<int>(NotEmpty(mask.LoadColIdx));
            _parts = _buffers.Upload<int>(NotEmpty(mask.LoadPartIdx));
            _bitmaps = plan.UploadBits(_buffers, mask);
            _kernel = device.Programs.OwnKernel(program, plan.KernelName);
            if (_mergeCount > 0)
            {
                _merges = _buffers.Upload<TileMergeItem>(work.Merges);
                _states = _buffers.Allocate(work.Parts * plan.StateFloats(problem) * sizeof(float));
                if (plan.MergesItself)
                {
                    _arrivals = _buffers.Upload<int>(new int[_mergeCount]);
                }
                else
                {
                    _merge = device.Programs.OwnKernel(AttentionLayoutPlan.MergeProgram(device, problem), "attention_merge");
                }
            }
        }
        catch
        {
            Dispose();
            throw;
        }
    }

    /// <summary>Starts the attention.</summary>
    /// <param name="q">Q.</param>
    /// <param name="k">K.</param>
    /// <param name="v">V.</param>
    /// <param name="o">O.</param>
    /// <param name="lse">LSE, exactly where the problem asks for it.</param>
    public void Run(OpenClBuffer q, OpenClBuffer k, OpenClBuffer v, OpenClBuffer o, OpenClBuffer? lse)
    {
        if (_itemCount == 0)
        {
            return;
        }

        // Setting arguments takes longer than a short kernel.
        if (_bound != (q, k, v, o, lse))
        {
            Bind(q, k, v, o, lse);
            _bound = (q, k, v, o, lse);
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

    private void Bind(OpenClBuffer q, OpenClBuffer k, OpenClBuffer v, OpenClBuffer o, OpenClBuffer? lse)
    {
        _kernel.Begin()
            .Add(_shape).Add(q).Add(k).Add(v).Add(o).Add(lse)
            .Add(_items).Add(_columns).Add(_parts).Add(_bitmaps)
            .Add(_plan.Tile.Rows).Add(_plan.Tile.Columns)
            .Add(_bias).Add(_origins).Add(_sinks).Add(_states);
        if (_plan.MergesItself)
        {
            _kernel.Add(_merges).Add(_arrivals);
        }

        if (_plan.LocalBytes(_problem) is > 0 and var bytes)
        {
            _kernel.AddLocal(bytes);
        }

        _merge?.Begin().Add(_shape).Add(o).Add(lse).Add(_merges).Add(_plan.Tile.Rows).Add(_sinks).Add(_states);
    }

    // Kernels ask for an entry ahead, and for one even where a row has none.
    private static int[] NotEmpty(int[] entries) => entries.Length > 0 ? entries : [-1];
}
