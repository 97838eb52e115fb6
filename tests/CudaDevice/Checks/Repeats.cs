using Stof.Reference.Cuda.Execution;
using Stof.Reference.Masks;
using Stof.Reference.Numerics;
using Stof.Reference.Operators;
using Stof.Reference.Tensors;

namespace Stof.Reference.DeviceChecks.Checks;

/// <summary>The same attention many times, in every tiling: the same bits each time, cut rows and merges included.</summary>
internal static class Repeats
{
    private const int Runs = 250;

    private static readonly string[] Masks = ["causal", "longformer(band=22,global=22)", "bigbird(band=22,global=22,fill=0.1,seed=0)", "sliding(22)"];

    public static DeviceCheck Check { get; } = new("repeats", Run) { RunsSmall = false };

    private static CheckOutcome Run(CheckSession session)
    {
        using var backend = new CudaBackend(new DriverKernelDevice(session.Device));
        var compared = 0;
        foreach (var type in new[] { DType.F32, DType.F16, DType.BF16 })
        {
            foreach (var text in Masks)
            {
                var problem = new AttentionProblem
                {
                    Batch = 2,
                    QueryHeads = 8,
                    KvHeads = 4,
                    QueryLength = 500,
                    KvLength = 500,
                    HeadSize = 64,
                    Type = type,
                    KvSplits = text == "causal" ? 3 : 1,
                    Mask = MaskText.Parse(text),
                    LogSumExp = LogSumExpOutput.Natural,
                };
                HostTensor Draw(ulong seed, int heads) => NormalTensor.Draw(seed, 2, heads, 500, 64).To(type);
                using var prepared = backend.Prepare(problem);
                prepared.SetInputs(Draw(1, 8), Draw(2, 4), Draw(3, 4));
                byte[]? first = null;
                for (var run = 0; run < Runs; run++)
                {
                    prepared.Run();
                    var (output, lse) = (HostTensor.Uninitialized(type, 2, 8, 500, 64), HostTensor.Uninitialized(DType.F32, 2, 8, 500));
                    prepared.GetOutputs(output, lse);
                    byte[] bytes = [.. output.Bytes, .. lse.Bytes];
                    first ??= bytes;
                    if (!bytes.AsSpan().SequenceEqual(first))
                    {
                        throw new CheckFailedException($"{type}, {text}: run {run} differs from run 0 in {bytes.Zip(first).Count(pair => pair.First != pair.Second)} bytes");
                    }

                    compared++;
                }
            }
        }

        return new CheckOutcome(compared, $"{Runs} runs each, outputs and LSE equal to the last bit");
    }
}
