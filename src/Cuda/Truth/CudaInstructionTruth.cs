using System.Collections.Immutable;
using System.Globalization;
using System.Runtime.InteropServices;
using Stof.Reference.Cuda.Ptx;
using Stof.Reference.Cuda.Simulator;

namespace Stof.Reference.Cuda.Truth;

/// <summary>
/// Compares a device with the simulator, instruction by instruction: the same operands, edges among them, through a kernel that does
/// nothing else, against what the instruction table says.
/// </summary>
public static class CudaInstructionTruth
{
    private const int Examples = 4;

    /// <summary>Runs all probes that have sources.</summary>
    /// <param name="launch">Runs kernels on the device.</param>
    /// <param name="target">What the device runs.</param>
    /// <param name="blocks">Blocks of <see cref="InstructionProbe.Threads"/> threads; each thread is a case.</param>
    /// <param name="seed">Where operands come from.</param>
    /// <returns>One entry a probe.</returns>
    public static ImmutableArray<TruthEntry> Run(KernelLauncher launch, Target target, int blocks = 32, int seed = 1)
    {
        ArgumentNullException.ThrowIfNull(launch);
        return
        [
            .. InstructionProbe.All(target).Where(probe => probe.HasSources).Select(probe => Run(launch, probe, blocks, new Random(seed))),
            .. WarpProbes(target).Select(probe => Run(launch, probe, blocks, new Random(seed))),
        ];
    }

    /// <summary>What the entries of a report on a target are called.</summary>
    internal static IEnumerable<string> Names(Target target) =>
        [.. InstructionProbe.All(target).Where(probe => probe.HasSources).Select(Name), .. WarpProbes(target).Select(probe => probe.Name)];

    /// <summary>Probes of instructions whose lanes work together.</summary>
    internal static IEnumerable<WarpProbe> WarpProbes(Target target) => [.. ExchangeProbes.All(target), .. MatrixProbes.All(target), .. ClusterProbes.All(target)];

    private static TruthEntry Run(KernelLauncher launch, InstructionProbe probe, int blocks, Random random)
    {
        RegisterType[] types = [.. probe.Rows];
        var cases = blocks * InstructionProbe.Threads;
        var device = new ulong[types.Length * cases];
        for (var i = 0; i < device.Length; i++)
        {
            device[i] = OperandSampler.Next(random, types[i / cases]);
        }

        return Compare(probe, types, Simulate(probe, device, cases), Launch(launch, probe.Kernel, device, blocks), cases);
    }

    private static TruthEntry Run(KernelLauncher launch, WarpProbe probe, int leastBlocks, Random random)
    {
        var clusterBlocks = probe.Kernel.ClusterBlocks;
        var blocks = (leastBlocks + clusterBlocks - 1) / clusterBlocks * clusterBlocks;
        var cases = blocks * InstructionProbe.Threads;
        var rows = probe.Sample(cases, random);
        var simulated = probe.Simulate(rows, blocks);
        var magnitudes = probe.Sum is null ? [] : probe.Simulate(rows, blocks, ofMagnitudes: true);
        var device = Launch(launch, probe.Kernel, rows, blocks);
        var mismatches = 0;
        var examples = ImmutableArray.CreateBuilder<string>();
        for (var thread = 0; thread < cases; thread++)
        {
            for (var row = 0; row < probe.Results; row++)
            {
                var at = (row * cases) + thread;
                if (simulated[at] == device[at]
                    || (probe.Sum is { } sum
                        && IsSum(sum.Bound, sum.Values((uint)device[at]), sum.Values((uint)simulated[at]), sum.Values((uint)magnitudes[at]))))
                {
                    continue;
                }

                mismatches++;
                if (examples.Count < Examples)
                {
                    examples.Add($"lane {thread % Warp.Lanes}, result {row}: simulator {Hex(simulated[at])}, device {Hex(device[at])}");
                }

                break;
            }
        }

        return new TruthEntry(probe.Name, cases, mismatches, 0, examples.ToImmutable());
    }

    private static bool IsSum(AccuracyBound bound, double[] found, double[] expected, double[] magnitude) =>
        Enumerable.Range(0, found.Length).All(i => found[i].Equals(expected[i])
            || (double.IsFinite(expected[i]) && Math.Abs(found[i] - expected[i]) <= bound.Absolute + (bound.Relative * magnitude[i])));

    private static ulong[] Launch(KernelLauncher launch, Kernel kernel, ulong[] rows, int blocks)
    {
        var buffer = MemoryMarshal.AsBytes<ulong>(rows).ToArray();
        var parameters = new byte[kernel.ParameterBytes];
        MemoryMarshal.Write(parameters.AsSpan(kernel.Parameters[1].Offset), (uint)(blocks * InstructionProbe.Threads * sizeof(ulong)));
        launch(kernel, blocks, [buffer], parameters);
        return MemoryMarshal.Cast<byte, ulong>(buffer).ToArray();
    }

    private static ulong[] Simulate(InstructionProbe probe, ulong[] rows, int cases)
    {
        var result = rows.ToArray();
        var evaluator = new LaneEvaluator(probe.Opcode, probe.Constants.AsSpan());
        var values = new ulong[rows.Length / cases][];
        for (var first = 0; first < cases; first += Warp.Lanes)
        {
            for (var row = 0; row < values.Length; row++)
            {
                values[row] = rows.AsSpan((row * cases) + first, Warp.Lanes).ToArray();
            }

            evaluator.Run(values);
            for (var row = 0; row < probe.Opcode.DestinationCount; row++)
            {
                values[row].CopyTo(result, (row * cases) + first);
            }
        }

        return result;
    }

    private static TruthEntry Compare(InstructionProbe probe, RegisterType[] types, ulong[] simulated, ulong[] device, int cases)
    {
        var opcode = probe.Opcode;
        var (compared, mismatches, ulps) = (0, 0, 0.0);
        var examples = ImmutableArray.CreateBuilder<string>();
        for (var lane = 0; lane < cases; lane++)
        {
            var firstSource = (uint)simulated[(opcode.DestinationCount * cases) + lane];
            if (!opcode.Accuracy.IsExact && !opcode.Accuracy.Covers(BitConverter.UInt32BitsToSingle(firstSource)))
            {
                continue;
            }

            compared++;
            for (var row = 0; row < opcode.DestinationCount; row++)
            {
                var (expected, found) = (simulated[(row * cases) + lane], device[(row * cases) + lane]);
                if (IsSame(opcode, types[row], expected, found))
                {
                    ulps = Math.Max(ulps, opcode.Accuracy.IsExact ? 0 : Distance((uint)expected, (uint)found));
                    continue;
                }

                mismatches++;
                if (examples.Count < Examples)
                {
                    var sources = Enumerable.Range(opcode.DestinationCount, types.Length - opcode.DestinationCount)
                        .Select(source => Hex(simulated[(source * cases) + lane]));
                    examples.Add($"{string.Join(", ", sources)}: simulator {Hex(expected)}, device {Hex(found)}");
                }

                break;
            }
        }

        return new TruthEntry(Name(probe), compared, mismatches, ulps, examples.ToImmutable());
    }

    private static string Name(InstructionProbe probe) =>
        probe.Opcode.Signature + string.Concat(probe.Constants.Select(constant => $" #{Hex(constant)}"));

    private static bool IsSame(Opcode opcode, RegisterType type, ulong expected, ulong found)
    {
        if (expected == found)
        {
            return true;
        }

        // Which NaN comes out of doubles is not defined.
        return type == RegisterType.F64
            ? double.IsNaN(BitConverter.UInt64BitsToDouble(expected)) && double.IsNaN(BitConverter.UInt64BitsToDouble(found))
            : !opcode.Accuracy.IsExact
                && opcode.Accuracy.Allows(BitConverter.UInt32BitsToSingle((uint)found), BitConverter.UInt32BitsToSingle((uint)expected));
    }

    private static double Distance(uint a, uint b)
    {
        static long Ordered(uint bits) => (bits & 0x80000000) != 0 ? -(long)(bits & 0x7fffffff) : bits;
        return Math.Abs(Ordered(a) - Ordered(b));
    }

    private static string Hex(ulong value) => string.Create(CultureInfo.InvariantCulture, $"0x{value:x}");
}
