using Stof.Reference.Cpu.Simd;
using Stof.Reference.Fusion;
using Stof.Reference.Graphs;
using Stof.Reference.Numerics;
using Stof.Reference.Tensors;

namespace Stof.Reference.Cpu.Execution;

/// <summary>
/// The values of one graph while it runs. Buffers are made when a step first asks for them: a fused segment never asks for
/// what it does not store.
/// </summary>
internal sealed class Frame(OperatorGraph graph, Workload workload)
{
    private readonly HostTensor?[] _values = new HostTensor?[graph.Values.Length];

    /// <summary>The buffer of a value: [rows, width] in the workload's dtype, or float scores [batch, heads, length, length].</summary>
    public HostTensor this[int index]
    {
        get => _values[index] ??= Allocate(index);
        set => _values[index] = value;
    }

    /// <summary>A value as a matrix.</summary>
    public MatrixView View(int value) => MatrixView.Of(this[value]);

    private HostTensor Allocate(int value)
    {
        var width = graph.Values[value].Width;
        return width > 0
            ? HostTensor.Zeros(workload.Type, workload.Rows, width)
            : HostTensor.Zeros(DType.F32, workload.Batch, graph.Attention!.QueryHeads, workload.Length, workload.Length);
    }
}
