using System.Text.Json.Nodes;
using Stof.Reference.Numerics;
using Stof.Reference.OpenCL;
using Stof.Reference.OpenCL.Execution;
using Stof.Reference.OpenCL.Execution.Models;
using Stof.Reference.Tests;

namespace Stof.Reference.OpenClDevice;

/// <summary>Rates of the plain product for GPUs over its parameters, and which of them is best.</summary>
internal static class ProductSpeed
{
    private static readonly (int Rows, int Width, int Depth)[] Shapes = [(512, 768, 768), (4096, 3072, 768), (2048, 2048, 2048)];

    public static JsonArray Run(IReadOnlyList<OpenCL.OpenClDevice> devices)
    {
        var results = new JsonArray();
        foreach (var device in devices)
        {
            if (device.IsCpu)
            {
                ProcessorProducts.Run(results, device);
                continue;
            }

            using var kernels = new KernelDevice(device, Mapping.Groups, null, MatrixUnits.None);
            foreach (var (rows, width, depth) in Shapes)
            {
                using var buffers = new BufferSet(kernels.Context);
                var x = buffers.Upload<byte>(Seeded.Tensor(new Random(1), DType.F32, InputFamily.UnitNormal, rows, depth).Bytes);
                var weights = buffers.Upload<byte>(Seeded.Tensor(new Random(2), DType.F32, InputFamily.UnitNormal, width, depth).Bytes);
                var y = buffers.Allocate((long)rows * width * sizeof(float));
                foreach (var (tile, step) in from tile in new[] { 32, 64, 96, 128 } from step in new[] { 8, 16, 32 } select (tile, step))
                {
                    if (2L * step * (tile + 1) * sizeof(float) > device.LocalBytes)
                    {
                        Console.WriteLine($"product {device.Address} tile={tile} step={step}: left out, its local memory exceeds {device.LocalBytes} bytes");
                        continue;
                    }

                    var kernel = kernels.Programs.Kernel(
                        ProgramSpec.Of("product_groups.cl", new ProductGroupsParameters { Lanes = 1, FastExp2 = kernels.HasFastExp2, Tile = tile, StepK = step }), "product");
                    if (kernel.MaxWorkGroup < 256)
                    {
                        Console.WriteLine($"product {device.Address} tile={tile} step={step}: left out, its registers allow groups of {kernel.MaxWorkGroup}");
                        continue;
                    }

                    var arguments = new ProductArguments { Rows = rows, Width = width, Depth = depth };
                    var groups = (long)((rows + tile - 1) / tile) * ((width + tile - 1) / tile);
                    var seconds = AttentionSpeed.Best(kernels, () =>
                    {
                        kernel.Begin().Add(arguments).Add(x).Add(null).Add(weights).Add(null).Add(null).Add(null).Add(null).Add(null).Add(y).Add(null);
                        kernels.Context.Launch(kernel, new WorkSize(groups), new WorkSize(256));
                    });
                    var rate = 2.0 * rows * width * depth / seconds / 1e12;
                    Console.WriteLine($"product {device.Address} {rows}x{width}x{depth} F32 tile={tile,-3} step={step,-2} {seconds * 1e6,10:f1} us {rate,7:f2} TFLOP/s");
                    results.Add(new JsonObject
                    {
                        ["device"] = device.Address,
                        ["shape"] = $"{rows}x{width}x{depth}",
                        ["tile"] = tile,
                        ["step"] = step,
                        ["microseconds"] = seconds * 1e6,
                        ["teraflops"] = rate,
                    });
                }
            }
        }

        return results;
    }
}
