using System.Diagnostics;
using System.Text.Json.Nodes;
using Stof.Reference.Backends;
using Stof.Reference.Cli.Running;
using Stof.Reference.Cpu.Oracle;
using Stof.Reference.Cuda.Execution;
using Stof.Reference.Formats;
using Stof.Reference.Masks;
using Stof.Reference.Operators;
using Stof.Reference.Tensors;

namespace Stof.Reference.Cli.Benchmarks;

/// <summary>Times attentions on a backend and judges each by the oracle, row by row of a table or of JSON lines.</summary>
internal static class AttentionSweep
{
    private const int CheckedRows = 64; // of the last head, spread over its length
    private const int Samples = 11;
    private const int SearchSamples = 3;
    private const int HostCalls = 200;

    /// <summary>One object a cell, in the order of the request.</summary>
    public static IEnumerable<JsonObject> Run(IBackend backend, AttentionSweepRequest request)
    {
        var largest = request.Shapes.Max(shape => (long)shape.Batch * shape.Length);
        HostTensor Draw(ulong seed, int heads) => NormalTensor.Draw(seed, checked((int)(largest * heads * request.HeadSize))).To(request.Type);
        var (q, k, v) = (Draw(1, request.Heads), Draw(2, request.KvHeads), Draw(3, request.KvHeads));
        foreach (var (batch, length) in request.Shapes)
        {
            foreach (var (name, text) in PaperMasks.At(length).Where(mask => request.Masks.Contains(mask.Name)))
            {
                var problem = new AttentionProblem
                {
                    Batch = batch,
                    QueryHeads = request.Heads,
                    KvHeads = request.KvHeads,
                    QueryLength = length,
                    KvLength = length,
                    HeadSize = request.HeadSize,
                    Type = request.Type,
                    Mask = MaskText.Parse(text),
                };
                HostTensor Cut(HostTensor all, int heads)
                {
                    var cut = HostTensor.Uninitialized(request.Type, batch, heads, length, request.HeadSize);
                    all.Bytes[..cut.Bytes.Length].CopyTo(cut.Bytes);
                    return cut;
                }

                foreach (var row in Cell(backend, request, problem, name, (Cut(q, request.Heads), Cut(k, request.KvHeads), Cut(v, request.KvHeads))))
                {
                    yield return row;
                }
            }
        }
    }

    private static IEnumerable<JsonObject> Cell(
        IBackend backend, AttentionSweepRequest request, AttentionProblem problem, string mask, (HostTensor Q, HostTensor K, HostTensor V) inputs)
    {
        if (backend is not CudaBackend cuda || request.Tilings.Count == 0)
        {
            using var prepared = backend.Prepare(problem);
            yield return Row(prepared, mask, inputs, Samples);
            yield break;
        }

        var rows = new List<JsonObject>();
        foreach (var tiling in request.Tilings)
        {
            JsonObject row;
            try
            {
                using var prepared = cuda.Prepare(problem, tiling);
                row = Row(prepared, mask, inputs, SearchSamples);
            }
            catch (Exception exception) when (exception is InvalidInputException or InvalidOperationException)
            {
                row = new JsonObject { ["kernel"] = tiling.ToString(), ["refused"] = exception.Message, ["us"] = double.MaxValue };
            }

            if (request.PrintsEach)
            {
                yield return row;
            }

            rows.Add(row);
        }

        if (!request.PrintsEach)
        {
            yield return rows.MinBy(row => row["us"]!.GetValue<double>())!;
        }
    }

    private static JsonObject Row(IPreparedAttention prepared, string mask, (HostTensor Q, HostTensor K, HostTensor V) inputs, int samples)
    {
        var p = prepared.Problem;
        prepared.SetInputs(inputs.Q, inputs.K, inputs.V);
        prepared.Run();
        var output = HostTensor.Uninitialized(p.Type, inputs.Q.Shape);
        prepared.GetOutputs(output, null);
        var verdict = SampledRows.Judge(p, inputs.Q, inputs.K, inputs.V, output, p.Batch - 1, p.QueryHeads - 1, CheckedRows);
        double[] times = [.. prepared.Measure(samples).Order()];
        var median = times[times.Length / 2];
        var clock = Stopwatch.StartNew();
        var calls = 0;
        while (calls < HostCalls && clock.Elapsed.TotalSeconds < 0.2)
        {
            prepared.Run();
            calls++;
        }

        var host = clock.Elapsed.TotalSeconds / calls;
        prepared.GetOutputs(output, null);
        var loaded = TileCounts.Of(BlockMaskBuilder.Build(p.BindMask(), TileShape.Default));
        var copies = (double)p.Batch * p.QueryHeads / (loaded.Slices == 0 ? 1 : loaded.Slices);
        var work = 4.0 * p.HeadSize * copies * loaded.Loaded * loaded.Tile.Rows * loaded.Tile.Columns;
        var bytes = (double)(inputs.Q.Bytes.Length + inputs.K.Bytes.Length + inputs.V.Bytes.Length + output.Bytes.Length);
        return new JsonObject
        {
            ["who"] = "stof",
            ["batch"] = p.Batch,
            ["length"] = p.QueryLength,
            ["heads"] = p.QueryHeads,
            ["kv_heads"] = p.KvHeads,
            ["head_size"] = p.HeadSize,
            ["dtype"] = p.Type.ToString(),
            ["mask"] = mask,
            ["kernel"] = prepared.Kernel,
            ["us"] = median * 1e6,
            ["best_us"] = times[0] * 1e6,
            ["host_us"] = host * 1e6,
            ["load_share"] = loaded.LoadShare,
            ["tflops"] = work / median / 1e12,
            ["gbytes_per_s"] = bytes / median / 1e9,
            ["verdict"] = verdict.State.ToString(),
            ["budget_used"] = Output.Number(verdict.BudgetUsed),
            ["relative_error"] = Output.Number(verdict.Metrics?.RelativeFrobenius ?? double.NaN),
        };
    }
}
