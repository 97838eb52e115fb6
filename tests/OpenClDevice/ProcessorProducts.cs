using System.Text.Json.Nodes;
using Stof.Reference.Cpu.Simd;
using Stof.Reference.Cpu.Threading;
using Stof.Reference.Fusion;
using Stof.Reference.Masks;
using Stof.Reference.OpenCL.Execution;
using Stof.Reference.OpenCL.Execution.Models;
using Stof.Reference.Tensors;
using Stof.Reference.Tests;

namespace Stof.Reference.OpenClDevice;

/// <summary>Products on an OpenCL processor beside the SIMD backend's, in turn, so that whatever else the machine does meets both.</summary>
internal static class ProcessorProducts
{
    private const int Rounds = 60;

    private static readonly (int Rows, int Width, int Depth)[] Shapes =
        [(1, 3072, 768), (4, 3072, 768), (16, 3072, 768), (128, 768, 768), (128, 3072, 768), (512, 768, 3072), (1024, 1024, 1024)];

    public static void Run(JsonArray results, OpenCL.OpenClDevice device)
    {
        using var kernels = new KernelDevice(device, new OpenClOptions { Mapping = Mapping.Lanes });
        using var pool = new WorkerPool(Environment.ProcessorCount);
        var workspace = new KernelWorkspace(pool);
        foreach (var type in MaskTrials.Types)
        {
            foreach (var (rows, width, depth) in Shapes)
            {
                var x = Seeded.Tensor(new Random(1), type, InputFamily.UnitNormal, rows, depth);
                var weight = Seeded.Tensor(new Random(2), type, InputFamily.UnitNormal, width, depth);
                var y = HostTensor.Zeros(type, rows, width);
                var simd = new GemmKernel(PackedMatrix.FromOutputMajor(weight), workspace);
                using var buffers = new BufferSet(kernels.Context);
                var builder = new StepBuilder(kernels, new Workload(1, rows, type, new FullMask()), new WeightStore(kernels), buffers);
                var product = ProductStep.Plain(builder, type, rows, width, depth, weight, null);
                var (from, to) = (buffers.Upload<byte>(x.Bytes), buffers.Allocate(y.Bytes.Length));
                var (ours, theirs) = (double.MaxValue, double.MaxValue);
                for (var round = 0; round < Rounds; round++)
                {
                    ours = Math.Min(ours, Backends.Timing.Seconds(() =>
                    {
                        product(from, to);
                        kernels.Context.Finish();
                    }));
                    theirs = Math.Min(theirs, Backends.Timing.Seconds(() => simd.Run(MatrixView.Of(x), MatrixView.Of(y))));
                }

                Console.WriteLine($"product {device.Address} {rows,4}x{width}x{depth} {type,-4} {ours * 1e3,8:f3} ms, SIMD backend {theirs * 1e3,8:f3} ms, ratio {theirs / ours:f2}");
                results.Add(new JsonObject
                {
                    ["device"] = device.Address,
                    ["shape"] = $"{rows}x{width}x{depth}",
                    ["dtype"] = type.ToString(),
                    ["microseconds"] = ours * 1e6,
                    ["simdMicroseconds"] = theirs * 1e6,
                });
            }
        }
    }
}
