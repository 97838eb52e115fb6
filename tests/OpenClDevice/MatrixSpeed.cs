using System.Text.Json.Nodes;
using Stof.Reference.Backends;
using Stof.Reference.Cuda.Driver;
using Stof.Reference.Cuda.Execution;
using Stof.Reference.Cuda.Ptx;
using Stof.Reference.Cuda.Simulator;
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
/// Attention in F16 on matrix units beside the plain path and our CUDA kernel, 12 heads of 64. OpenCL's time is the shorter of device time by events, to
/// which each kernel's marks add, and of many launches back to back, to which a launch adds; CUDA's is that of graph replays. What is left of either when
/// an empty kernel's time is taken off says how the kernels themselves compare. Every result is compared with CUDA's, or with the plain path's.
/// </summary>
internal sealed class MatrixSpeed : IDisposable
{
    private const int Heads = 12;
    private const int Size = 64;
    private const int Samples = 5;
    private const int EmptyRepeats = 20;
    private const double MostDifference = 4e-3; // of the largest output: weights are rounded to F16 in one path and not in the other

    private readonly OpenCL.OpenClDevice _device;
    private readonly Options _options;
    private readonly KernelDevice _matrix;
    private readonly KernelDevice _plain;
    private readonly DriverKernelDevice? _cudaDevice;
    private readonly CudaBackend? _cuda;
    private readonly JsonArray _cells = [];
    private readonly HashSet<ProgramSpec> _told = [];
    private HostTensor? _pattern;

    public MatrixSpeed(OpenCL.OpenClDevice device, Options options)
    {
        (_device, _options) = (device, options);
        _matrix = new KernelDevice(device, new OpenClOptions { Mapping = Mapping.Groups });
        _plain = new KernelDevice(device, new OpenClOptions { Mapping = Mapping.Groups, MatrixUnits = MatrixUnits.None });
        var probe = CudaDriver.Probe();
        _cudaDevice = probe.IsAvailable ? new DriverKernelDevice(probe.Devices[0]) : null;
        _cuda = _cudaDevice is null ? null : new CudaBackend(_cudaDevice);
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
        var (empty, cudaEmpty) = (EmptyKernel(), CudaEmptyKernel());
        Console.WriteLine($"matrix {_device.Address}: us by events, back to back in brackets; x plain, x cuda: how many times faster by the shorter; kernels: the same without an empty kernel's time");
        Console.WriteLine($"matrix empty kernel: {empty.Events * 1e6:f2} us by events, {empty.BackToBack * 1e6:f2} back to back; CUDA {cudaEmpty * 1e6:f2} by graph replays");
        var (ratios, kernelRatios, plainRatios) = (new List<double>(), new List<double>(), new List<double>());
        foreach (var (batch, length) in _options.Shapes)
        {
            foreach (var (name, text) in PaperMasks.At(length).Where(mask => _options.Masks.Contains(mask.Name)))
            {
                Cell(batch, length, name, text, Math.Min(empty.Events, empty.BackToBack), cudaEmpty, ratios, kernelRatios, plainRatios);
            }
        }

        foreach (var (what, values, limit) in new[] { ("x cuda", ratios, 0.8), ("kernels x cuda", kernelRatios, 0.8), ("x plain", plainRatios, 4) })
        {
            if (values.Count > 0)
            {
                Console.WriteLine($"matrix {what}: geometric mean {Math.Exp(values.Average(Math.Log)):f3}, least {values.Min():f3}, below {limit}: {values.Count(ratio => ratio < limit)} of {values.Count}");
            }
        }
    }

    private (double Events, double BackToBack) EmptyKernel()
    {
        using var program = OpenClProgram.Build(_matrix.Context, KernelSource.Expand("empty.cl", "", _ => "kernel void empty(const int unused) { }\n"), null);
        using var kernel = program.Kernel("empty");
        kernel.Begin().Add(0);
        void Start() => _matrix.Context.Launch(kernel, WorkSize.One, new WorkSize(32));
        return (Enumerable.Range(0, Samples).Min(_ => Timing.Median(_matrix.Context.Time(10, Start))), AttentionSpeed.Best(_matrix, Start));
    }

    private double CudaEmptyKernel()
    {
        if (_cudaDevice is null)
        {
            return double.NaN;
        }

        var step = new KernelStep(new LaunchParameters(new KernelBuilder("empty", _cudaDevice.Target).Build(32)), new Grid(1));
        using var program = _cudaDevice.Record([.. Enumerable.Repeat(step, EmptyRepeats)]);
        program.Run();
        return program.Time(Samples).Min() / EmptyRepeats;
    }

    private void Cell(
        int batch, int length, string name, string text, double empty, double cudaEmpty, List<double> ratios, List<double> kernelRatios, List<double> plainRatios)
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
            (_, cuda, reference) = Measured(prepared, inputs, null);
        }

        double plain;
        using (var prepared = new OpenClAttention(_plain, problem, problem, AttentionChooser.Choose(_plain, problem, AttentionKernelChoice.Blockwise)))
        {
            (plain, var launched, var output) = Measured(prepared, inputs, _plain);
            plain = Math.Min(plain, launched);
            Judge($"{batch}x{length} {name} plain", output, reference ??= output);
        }

        var chosen = (MatrixPlan)AttentionChooser.Choose(_matrix, problem, AttentionKernelChoice.Blockwise);
        var others = from tiling in _options.Tilings
                     from cutsRows in (bool[])[true, false]
                     let plan = MatrixPlan.Of(_matrix, problem, tiling, cutsRows)
                     where plan is not null && (cutsRows || plan with { CutsRows = true } is var cut && cut.Lists(_matrix, problem).Work.Merges.Length > 0)
                     select plan;
        foreach (var plan in others.Prepend(chosen).Distinct())
        {
            var tiling = plan.Tiling;
            using var prepared = new OpenClAttention(_matrix, problem, problem, plan);
            TellRegisters(plan, problem);
            var (seconds, launched, output) = Measured(prepared, inputs, _matrix);
            Judge($"{batch}x{length} {name} {tiling}", output, reference);
            var shorter = Math.Min(seconds, launched);
            var kernels = (cuda - cudaEmpty) / (shorter - empty);
            if (plan == chosen)
            {
                plainRatios.Add(plain / shorter);
                if (_cuda is not null)
                {
                    ratios.Add(cuda / shorter);
                    if (shorter > empty)
                    {
                        kernelRatios.Add(kernels);
                    }
                }
            }

            Console.WriteLine(
                $"matrix {batch,2}x{length,-5} {name,-10} {tiling,-38} {(plan.CutsRows ? "" : "uncut"),-5} {(plan == chosen ? "*" : " ")} {seconds * 1e6,9:f2} ({launched * 1e6,9:f2})  plain {plain * 1e6,10:f1} x{plain / shorter,5:f1}  cuda {cuda * 1e6,9:f2} x{cuda / shorter,6:f3} kernels {(shorter > empty ? $"x{kernels,6:f3}" : "no longer than an empty one")}");
            _cells.Add(new JsonObject
            {
                ["batch"] = batch,
                ["length"] = length,
                ["mask"] = name,
                ["tiling"] = tiling.ToString(),
                ["cutsRows"] = plan.CutsRows,
                ["isChosen"] = plan == chosen,
                ["microseconds"] = seconds * 1e6,
                ["backToBackMicroseconds"] = launched * 1e6,
                ["plainMicroseconds"] = plain * 1e6,
                ["cudaMicroseconds"] = double.IsNaN(cuda) ? null : cuda * 1e6,
                ["emptyMicroseconds"] = empty * 1e6,
                ["cudaEmptyMicroseconds"] = double.IsNaN(cudaEmpty) ? null : cudaEmpty * 1e6,
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
        return (best, launching is null ? best : AttentionSpeed.Best(launching, prepared.Run), output);
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
        var spec = (plan with { IsJoined = true }).Program(_matrix, problem);
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
