using Stof.Reference.Cpu.Simd;
using Stof.Reference.Fusion;
using Stof.Reference.Graphs;
using Stof.Reference.Models;
using Stof.Reference.Numerics;
using Stof.Reference.Tensors;

namespace Stof.Reference.Cpu.Execution;

/// <summary>The operators that turn ids or pixels into rows.</summary>
/// <param name="workload">Shapes.</param>
/// <param name="store">Weights.</param>
/// <param name="workspace">Threads and scratch.</param>
/// <param name="input">What the model is run on at the moment; no value of a frame holds it.</param>
internal sealed class EmbeddingSteps(Workload workload, WeightStore store, KernelWorkspace workspace, Func<ModelInput> input)
{
    /// <summary>Binds one embedding operator.</summary>
    public Action<Frame> Compile(GraphOperator op, IReadOnlyDictionary<string, HostTensor> weights) => op switch
    {
        TokenEmbeddingOperator tokens => Tokens(tokens, weights),
        PatchEmbeddingOperator patches => Patches(patches, weights),
        _ => throw new ArgumentException($"no kernel for {op.Signature}", nameof(op)),
    };

    private Action<Frame> Tokens(TokenEmbeddingOperator op, IReadOnlyDictionary<string, HostTensor> weights)
    {
        var words = MatrixView.Of(weights[op.Words]);
        var fixedLookups = new List<EmbeddingLookup>();
        if (op.Positions is not null)
        {
            int[] positions = [.. Enumerable.Range(0, workload.Rows).Select(row => row % workload.Length)];
            fixedLookups.Add(new EmbeddingLookup(MatrixView.Of(weights[op.Positions]), positions));
        }

        if (op.Types is not null)
        {
            fixedLookups.Add(new EmbeddingLookup(MatrixView.Of(weights[op.Types]), new int[workload.Rows]));
        }

        return frame =>
        {
            EmbeddingLookup[] lookups = [new EmbeddingLookup(words, [.. input().Tokens!]), .. fixedLookups];
            EmbeddingGather.Run(workspace, frame.View(op.Output), lookups);
        };
    }

    private Action<Frame> Patches(PatchEmbeddingOperator op, IReadOnlyDictionary<string, HostTensor> weights)
    {
        var patchCount = op.Side * op.Side;
        var depth = op.Channels * op.Patch * op.Patch;
        var kernel = new GemmKernel(
            store.Packed(weights["patch.weight"], gated: false), workspace, epilogue: new GemmEpilogue(store.Vector(weights["patch.bias"])));
        var pixels = HostTensor.Zeros(DType.F32, workload.Batch * patchCount, depth);

        // The rows of the patches, and the class row behind them: a gather then puts everything in its place.
        var rows = HostTensor.Zeros(DType.F32, (workload.Batch * patchCount) + 1, op.Width);
        var patchRows = MatrixView.Of(rows).SliceRows(0, workload.Batch * patchCount);
        store.Vector(weights["class"]).CopyTo(rows.Span<float>()[(workload.Batch * patchCount * op.Width)..]);
        var source = new int[workload.Rows];
        var positions = new int[workload.Rows];
        for (var row = 0; row < workload.Rows; row++)
        {
            var (item, position) = (row / workload.Length, row % workload.Length);
            source[row] = position == 0 ? workload.Batch * patchCount : (item * patchCount) + position - 1;
            positions[row] = position;
        }

        var table = MatrixView.Of(weights["positions"]);
        return frame =>
        {
            PatchRows.Cut(input().Pixels!, pixels, op);
            kernel.Run(MatrixView.Of(pixels), patchRows);
            EmbeddingGather.Run(
                workspace, frame.View(op.Output), new EmbeddingLookup(MatrixView.Of(rows), source), new EmbeddingLookup(table, positions));
        };
    }
}
