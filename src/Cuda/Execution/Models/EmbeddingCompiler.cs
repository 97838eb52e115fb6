using System.Runtime.InteropServices;
using Stof.Reference.Cuda.Simulator;
using Stof.Reference.Cuda.Templates;
using Stof.Reference.Fusion;
using Stof.Reference.Graphs;
using Stof.Reference.Models;
using Stof.Reference.Numerics;
using Stof.Reference.Tensors;

namespace Stof.Reference.Cuda.Execution;

/// <summary>The operators that turn ids or pixels into rows. What a run is given comes into fixed buffers before the launches.</summary>
/// <param name="workload">Shapes.</param>
/// <param name="weights">Weights.</param>
/// <param name="kernels">Kernels.</param>
/// <param name="device">Where.</param>
/// <param name="memory">Holds indices and patches.</param>
internal sealed class EmbeddingCompiler(Workload workload, DeviceWeights weights, KernelLibrary kernels, IKernelDevice device, DeviceMemory memory)
{
    /// <summary>Brings a run's input to the device; null before an embedding was compiled.</summary>
    public Action<ModelInput>? SetInput { get; private set; }

    /// <summary>Binds one embedding operator.</summary>
    public IEnumerable<KernelStep> Compile(GraphOperator op, IReadOnlyDictionary<string, HostTensor> tensors, DeviceMatrix output) => op switch
    {
        TokenEmbeddingOperator tokens => Tokens(tokens, tensors, output),
        PatchEmbeddingOperator patches => Patches(patches, tensors, output),
        _ => throw new ArgumentException($"no kernel for {op.Signature}", nameof(op)),
    };

    private KernelStep[] Tokens(TokenEmbeddingOperator op, IReadOnlyDictionary<string, HostTensor> tensors, DeviceMatrix output)
    {
        var ids = memory.Upload<int>(new int[workload.Rows]);
        SetInput = input => device.Write(ids, MemoryMarshal.AsBytes<int>(input.Tokens!.ToArray()));
        var lookups = new List<(IDeviceBuffer Table, IDeviceBuffer Index)> { (weights.Table(tensors[op.Words]), ids) };
        if (op.Positions is not null)
        {
            lookups.Add((weights.Table(tensors[op.Positions]), Upload(row => row % workload.Length)));
        }

        if (op.Types is not null)
        {
            lookups.Add((weights.Table(tensors[op.Types]), Upload(_ => 0)));
        }

        return [Gather(lookups, output)];
    }

    private KernelStep[] Patches(PatchEmbeddingOperator op, IReadOnlyDictionary<string, HostTensor> tensors, DeviceMatrix output)
    {
        var count = op.Side * op.Side;
        var depth = op.Channels * op.Patch * op.Patch;
        var patches = DeviceMatrix.Allocate(memory, workload.Type, workload.Batch * count, depth);
        SetInput = input => device.Write(patches.Buffer, DeviceMatrix.Pitched(CutPatches(input.Pixels!, op).To(workload.Type)));
        device.Write(patches.Buffer, new byte[patches.Rows * patches.PitchBytes]);

        // Behind the rows of the patches lies the class row: a gather then puts everything in its place.
        var rowBytes = RowPitch.Of(workload.Type, op.Width) * workload.Type.Size();
        var rows = memory.Allocate((long)(patches.Rows + 1) * rowBytes);
        var initial = new byte[(patches.Rows + 1) * rowBytes];
        tensors["class"].Bytes.CopyTo(initial.AsSpan(patches.Rows * rowBytes));
        device.Write(rows, initial);
        var weight = weights.Packed(tensors["patch.weight"], isGated: false);
        var end = new ProductEnd { Bias = weights.Vector(tensors["patch.bias"]) };
        var result = new DeviceMatrix(rows, workload.Type, patches.Rows, op.Width);
        var choices = GemmChooser.Rank(workload.Type, device.Target, device.Multiprocessors, patches.Rows, op.Width, depth, isGated: false);
        var product = Product.FirstThatFits(
            device, [.. choices], choice => Product.Bind(kernels, memory.Allocate, choice, patches, weight, op.Width, end, result));
        var source = Upload(row => row % workload.Length == 0 ? patches.Rows : (row / workload.Length * count) + (row % workload.Length) - 1);
        var positions = Upload(row => row % workload.Length);
        return [.. product, Gather([(rows, source), (weights.Table(tensors["positions"]), positions)], output)];
    }

    private IDeviceBuffer Upload(Func<int, int> indexOfRow) => memory.Upload<int>([.. Enumerable.Range(0, workload.Rows).Select(indexOfRow)]);

    private KernelStep Gather(List<(IDeviceBuffer Table, IDeviceBuffer Index)> lookups, DeviceMatrix output)
    {
        var parameters = new LaunchParameters(kernels.Get(new EmbeddingSpec(output.Type, output.Columns, lookups.Count), EmbeddingRows.Build));
        for (var table = 0; table < lookups.Count; table++)
        {
            parameters.Set($"table{table}", lookups[table].Table).Set($"index{table}", lookups[table].Index);
        }

        return new KernelStep(parameters.Set("y", output.Buffer), new Grid(output.Rows));
    }

    // Images [batch, channels, size, size] to rows of channels·patch² pixels, a run of patch pixels at a time.
    private static HostTensor CutPatches(HostTensor images, PatchEmbeddingOperator op)
    {
        var depth = op.Channels * op.Patch * op.Patch;
        var rows = HostTensor.Uninitialized(DType.F32, images.Shape[0] * op.Side * op.Side, depth);
        var source = images.Span<float>();
        var target = rows.Span<float>();
        var size = op.Side * op.Patch;
        for (var start = 0; start < target.Length; start += op.Patch)
        {
            var (row, column) = (start / depth, start % depth);
            var (item, patch) = (row / (op.Side * op.Side), row % (op.Side * op.Side));
            var (channel, dy) = (column / (op.Patch * op.Patch), column / op.Patch % op.Patch);
            var (y, x) = ((patch / op.Side * op.Patch) + dy, patch % op.Side * op.Patch);
            source.Slice((((((item * op.Channels) + channel) * size) + y) * size) + x, op.Patch).CopyTo(target[start..]);
        }

        return rows;
    }
}
