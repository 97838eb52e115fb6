using Stof.Reference.Fusion;
using Stof.Reference.Graphs;
using Stof.Reference.Plans;

namespace Stof.Reference.Cuda.Execution;

/// <summary>
/// The values of one graph in device memory. Under a plan, values that are not needed at the same time share memory; a value inside a fused segment
/// has none.
/// </summary>
internal sealed class DeviceFrame
{
    private readonly OperatorGraph _graph;
    private readonly Workload _workload;
    private readonly DeviceMemory _memory;
    private readonly DeviceMatrix?[] _values;

    /// <summary>A frame whose values get memory of their own when a step first asks for them.</summary>
    public DeviceFrame(OperatorGraph graph, Workload workload, DeviceMemory memory)
    {
        (_graph, _workload, _memory) = (graph, workload, memory);
        _values = new DeviceMatrix?[graph.Values.Length];
    }

    /// <summary>Bytes that the shared buffers of a plan take.</summary>
    public long SharedBytes { get; private set; }

    /// <summary>Bytes that the same values would take without sharing.</summary>
    public long ValueBytes { get; private set; }

    /// <summary>The rows of a value.</summary>
    public DeviceMatrix this[int index]
    {
        get => _values[index] ??= Place(index, _memory.Allocate(BytesOf(index)));
        set => _values[index] = value;
    }

    /// <summary>Lets the values that a plan stores inside share memory; input and output stay as they are set.</summary>
    public void Share(ExecutionPlan plan)
    {
        var lives = Lives(plan);
        var slots = new List<(long Bytes, int FreeAfter, List<int> Values)>();
        foreach (var (value, (from, to)) in lives.OrderBy(life => life.Value.From))
        {
            // A step's outputs must not lie where its inputs do.
            var bytes = BytesOf(value);
            var slot = slots.FindIndex(candidate => candidate.FreeAfter < from && candidate.Bytes >= bytes);
            slot = slot < 0 ? slots.FindIndex(candidate => candidate.FreeAfter < from) : slot;
            if (slot < 0)
            {
                slots.Add((bytes, to, [value]));
            }
            else
            {
                slots[slot].Values.Add(value);
                slots[slot] = (Math.Max(slots[slot].Bytes, bytes), to, slots[slot].Values);
            }

            ValueBytes += bytes;
        }

        foreach (var (bytes, _, values) in slots)
        {
            var buffer = _memory.Allocate(bytes);
            SharedBytes += bytes;
            values.ForEach(value => _values[value] = Place(value, buffer));
        }
    }

    // First and last segment of each value that a segment stores and the graph keeps to itself.
    private Dictionary<int, (int From, int To)> Lives(ExecutionPlan plan)
    {
        var lives = new Dictionary<int, (int From, int To)>();
        for (var i = 0; i < plan.Segments.Length; i++)
        {
            var segment = plan.Segments[i].Segment;
            for (var op = segment.Start; op < segment.End; op++)
            {
                foreach (var input in _graph.Operators[op].Inputs.Where(lives.ContainsKey))
                {
                    lives[input] = (lives[input].From, i);
                }

                var output = _graph.Operators[op].Output;
                if (output != _graph.OutputValue && _graph.IsLiveAfter(output, segment.End - 1))
                {
                    lives.Add(output, (i, i));
                }
            }
        }

        return lives;
    }

    private DeviceMatrix Place(int value, IDeviceBuffer buffer) => new(buffer, _workload.Type, _workload.Rows, _graph.Values[value].Width);

    private long BytesOf(int value) => DeviceMatrix.BytesOf(_workload.Type, _workload.Rows, _graph.Values[value].Width);
}
