using System.Text.Json.Nodes;
using Stof.Reference.Backends;
using Stof.Reference.Cuda.Driver;
using Stof.Reference.Cuda.Execution;
using Stof.Reference.Masks;
using Stof.Reference.Numerics;
using Stof.Reference.OpenCL;
using Stof.Reference.OpenCL.Execution;
using Stof.Reference.OpenCL.Execution.Attention;
using Stof.Reference.Operators;
using Stof.Reference.Tensors;
using Stof.Reference.Tests;

namespace Stof.Reference.OpenClDevice;

/// <summary>
/// Attention in F16 on matrix units beside the plain path and our CUDA kernel, 12 heads of 64: device time, by events in OpenCL and by graphs in CUDA,
/// and the time of launches back to back, which includes what a launch costs. Every result is compared with CUDA's, or with the plain path's.
/// </summary>
internal sealed class MatrixSpeed : IDisposable
{
    private const int Heads = 12;
    private const int Size = 64;
    private const int Samples = 5;
    private const double MostDifference = 4e-3; // of the largest output: weights are rounded to F16 in one path and not in the other

    private readonly OpenCL.OpenClDevice _device;
    private readonly Options _options;
    private readonly KernelDevice _matrix;
    private readonly KernelDevice _plain;
    private readonly CudaBackend? _cuda;
    private readonly JsonArray _cells = [];
    private readonly HashSet<ProgramSpec> _told = [];
    private HostTensor? _pattern;

    public MatrixSpeed(OpenCL.OpenClDevice device, Options options)
    {
        (_device, _options) = (device, options);
        _matrix = new KernelDevice(device, Mapping.Groups, null, MatrixUnits.Native);
        _plain = new KernelDevice(device, Mapping.Groups, null, MatrixUnits.None);
        var probe = CudaDriver.Probe();
        _cuda = probe.IsAvailable ? new CudaBackend(new DriverKernelDevice(probe.Devices[0])) : null;
        if (_cuda is null)
        {
            Console.WriteLine($"matrix: CUDA does not run beside it: {probe.Reason}");
        }
    }

    private int Failures { get; set; }

    public static JsonArray Run(IReadOnlyList<OpenCL.OpenClDevice> devices, Options options, ref int failures)
    {
        var results = new JsonArray();
        foreach (var device in devices.Where(device => device.HasMatrixUnits))
        {
            using var speed = new MatrixSpeed(device, options);
            speed.Run();
            failures += speed.Failures;
            results.Add(new JsonObject { ["device"] = device.Address, ["name"] = device.Name, ["cells"] = speed._cells });
        }

        return results;
    }

    public void Dispose()
    {
        _cuda?.Dispose();
        _plain.Dispose();
        _matrix.Dispose();
    }

    private void Run()
    {
        Console.WriteLine($"matrix {_device.Address}: us by events; in brackets back to back. x plain, x CUDA: how many times faster, CUDA by graph replays");
        var ratios = new List<double>();
        foreach (var (batch, length) in _options.Shapes)
        {
            foreach (var (name, text) in PaperMasks.At(length).Where(mask => _options.Masks.Contains(mask.Name)))
            {
                Cell(batch, length, name, text, ratios);
            }
        }

        if (ratios.Count > 0)
        {
            Console.WriteLine($"matrix x CUDA: geometric mean {Math.Exp(ratios.Average(Math.Log)):f3}, least {ratios.Min():f3}, below 0.8: {ratios.Count(ratio => ratio < 0.8)} of {ratios.Count}");
        }
    }

    private void Cell(int batch, int length, string name, string text, List<double> ratios)
    {
        var problem = new AttentionProblem
        {
            Batch = batch,
            QueryHeads = Heads,
            KvHeads = Heads,
            QueryLength = length,
            KvLength = length,
            HeadSize = Size,
            Type = DType.F16,
            Mask = MaskText.Parse(text),
        };
        var inputs = Enumerable.Range(0, 3).Select(_ => Inputs(batch, length)).ToArray();
        var (cuda, reference) = (double.NaN, (HostTensor?)null);
        if (_cuda is not null)
        {
            using var prepared = _cuda.Prepare(problem);
            (cuda, _, reference) = Measured(prepared, inputs, null);
        }

        double plain;
        using (var prepared = new OpenClAttention(_plain, problem, problem, AttentionChooser.Choose(_plain, problem, AttentionKernelChoice.Blockwise)))
        {
            (plain, _, var output) = Measured(prepared, inputs, null);
            Judge($"{batch}x{length} {name} plain", output, reference ??= output);
        }

        var chosen = (MatrixPlan)AttentionChooser.Choose(_matrix, problem, AttentionKernelChoice.Blockwise);
        foreach (var tiling in _options.Tilings.Prepend(chosen.Tiling).Distinct())
        {
            if (MatrixPlan.Of(_matrix, problem, tiling) is not { } plan)
            {
                continue;
            }

            using var prepared = new OpenClAttention(_matrix, problem, problem, plan);
            TellRegisters(plan, problem);
            var (seconds, launched, output) = Measured(prepared, inputs, _matrix);
            Judge($"{batch}x{length} {name} {tiling}", output, reference);
            if (tiling == chosen.Tiling && _cuda is not null)
            {
                ratios.Add(cuda / seconds);
            }

            Console.WriteLine(
                $"matrix {batch,2}x{length,-5} {name,-10} {tiling,-28} {(tiling == chosen.Tiling ? "*" : " ")} {seconds * 1e6,9:f2} ({launched * 1e6,9:f2})  plain {plain * 1e6,10:f1} x{plain / seconds,5:f1}  cuda {cuda * 1e6,9:f2} x{cuda / seconds,6:f3}");
            _cells.Add(new JsonObject
            {
                ["batch"] = batch,
                ["length"] = length,
                ["mask"] = name,
                ["tiling"] = tiling.ToString(),
                ["isChosen"] = tiling == chosen.Tiling,
                ["microseconds"] = seconds * 1e6,
                ["backToBackMicroseconds"] = launched * 1e6,
                ["plainMicroseconds"] = plain * 1e6,
                ["cudaMicroseconds"] = double.IsNaN(cuda) ? null : cuda * 1e6,
            });
        }
    }

    private static (double Seconds, double BackToBack, HostTensor Output) Measured(IPreparedAttention prepared, HostTensor[] inputs, KernelDevice? launching)
    {
        prepared.SetInputs(inputs[0], inputs[1], inputs[2]);
        prepared.Run();
        var output = HostTensor.Uninitialized(prepared.Problem.Type, inputs[0].Shape);
        prepared.GetOutputs(output, null);
        var best = prepared.Measure(Samples).Min();
        return (best, launching is null ? double.NaN : AttentionSpeed.Best(launching, prepared.Run), output);
    }

    // N(0, 1), the same numbers again and again: drawing them takes longer than everything else.
    private HostTensor Inputs(int batch, int length)
    {
        _pattern ??= Seeded.Tensor(new Random(1), DType.F16, (1 << 18) + 1);
        var tensor = HostTensor.Uninitialized(DType.F16, batch, Heads, length, Size);
        var bytes = tensor.Bytes;
        for (var start = 0; start < bytes.Length; start += _pattern.Bytes.Length)
        {
            _pattern.Bytes[..Math.Min(_pattern.Bytes.Length, bytes.Length - start)].CopyTo(bytes[start..]);
        }

        return tensor;
    }

    private void Judge(string what, HostTensor output, HostTensor reference)
    {
        var (difference, largest) = (0.0, 0.0);
        var x = output.Span<Half>();
        var y = reference.Span<Half>();
        for (var i = 0; i < x.Length; i++)
        {
            difference = Math.Max(difference, Math.Abs((double)x[i] - (double)y[i]));
            largest = Math.Max(largest, Math.Abs((double)y[i]));
        }

        if (!(difference <= MostDifference * largest))
        {
            Failures++;
            Console.WriteLine($"matrix {what}: FAIL: differs by {difference:g3} where the largest output is {largest:g3}");
        }
    }

    private void TellRegisters(MatrixPlan plan, AttentionProblem problem)
    {
        var spec = plan.Program(_matrix, problem);
        if (!_told.Add(spec))
        {
            return;
        }

        var uses = RegisterUse.Parse(_matrix.Programs.Logs.Single(program => program.Spec == spec).Log);
        Console.WriteLine(uses.Count == 0
            ? $"registers {plan.Tiling}: not told (a program from the driver's cache has no log: CUDA_CACHE_DISABLE=1)"
            : string.Join('\n', uses.Select(use => $"registers {plan.Tiling}: {use.Registers}, {use.LocalBytes} bytes in memory")));
        Failures += uses.Count(use => use.LocalBytes > 0);
    }
}
