using System.Text.Json.Nodes;
using Stof.Reference.Numerics;
using Stof.Reference.OpenCL;
using Stof.Reference.OpenCL.Execution;
using Stof.Reference.OpenCL.Execution.Models;
using Stof.Reference.Tensors;
using Stof.Reference.Tests;

namespace Stof.Reference.OpenClDevice;

/// <summary>Rates of products for GPUs over their parameters: the chosen ones beside the best, in float and on matrix units.</summary>
internal static class ProductSpeed
{
    private const int PlainGroup = 256;
    private const int CheckedResults = 256;

    private static readonly (int Rows, int Width, int Depth)[] Shapes = [(128, 768, 768), (512, 768, 768), (4096, 3072, 768), (2048, 2048, 2048)];

    public static JsonArray Run(IReadOnlyList<OpenCL.OpenClDevice> devices, ref int failures)
    {
        var results = new JsonArray();
        foreach (var device in devices)
        {
            if (device.IsCpu)
            {
                ProcessorProducts.Run(results, device);
                continue;
            }

            using var kernels = new KernelDevice(device, new OpenClOptions { Mapping = Mapping.Groups });
            foreach (var shape in Shapes)
            {
                Plain(results, kernels, shape, DType.F32);
                if (kernels.MatrixUnits == MatrixUnits.Native)
                {
                    Matrix(results, kernels, shape, ref failures);
                }
            }
        }

        return results;
    }

    private static void Plain(JsonArray results, KernelDevice kernels, (int Rows, int Width, int Depth) shape, DType type)
    {
        var (rows, width, depth) = shape;
        using var operands = new Operands(kernels, shape, type);
        var rates = new List<(string Name, double Rate)>();
        foreach (var (tile, step) in from tile in new[] { 32, 64, 96, 128 } from step in new[] { 8, 16, 32 } select (tile, step))
        {
            var name = $"tile {tile}, step {step}";
            if (2L * step * (tile + 1) * sizeof(float) > kernels.Device.LocalBytes)
            {
                continue; // its local memory exceeds the device's
            }

            var kernel = kernels.Programs.Kernel(
                ProgramSpec.Of("product_groups.cl", kernels.Numbers(type), new ProductGroupsParameters { Tile = tile, StepK = step }), "product");
            if (kernel.MaxWorkGroup < PlainGroup)
            {
                continue; // its registers do
            }

            var groups = (long)((rows + tile - 1) / tile) * ((width + tile - 1) / tile);
            var seconds = AttentionSpeed.Best(kernels, () =>
            {
                kernel.Begin().Add(operands.Arguments).Add(operands.X).Add(null).Add(operands.W).Add(null).Add(null).Add(null).Add(null).Add(null).Add(operands.Y).Add(null);
                kernels.Context.Launch(kernel, new WorkSize(groups), new WorkSize(PlainGroup));
            });
            rates.Add((name, operands.Rate(seconds)));
            Add(results, kernels, shape, $"{type} plain", name, seconds, operands.Rate(seconds));
        }

        var chosen = GroupsProduct.PlainFor(kernels, rows, width);
        Tell(kernels, shape, $"{type} plain", rates, $"tile {chosen.Tile}, step {chosen.StepK}");
    }

    private static void Matrix(JsonArray results, KernelDevice kernels, (int Rows, int Width, int Depth) shape, ref int failures)
    {
        var (rows, width, depth) = shape;
        using var operands = new Operands(kernels, shape, DType.F16);
        var rates = new List<(string Name, double Rate)>();
        HostTensor? first = null;
        foreach (var tile in MatrixTile.All)
        {
            var spec = tile.Program(kernels, DType.F16);
            var kernel = kernels.Programs.Kernel(spec, "product");
            var seconds = AttentionSpeed.Best(kernels, () =>
            {
                kernel.Begin().Add(operands.Arguments).Add(operands.X).Add(operands.W).Add(null).Add(null).Add(operands.Y).Add(null);
                kernels.Context.Launch(kernel, new WorkSize(tile.Groups(rows, width)), new WorkSize(MatrixTile.GroupSize));
            });
            rates.Add(($"{tile}", operands.Rate(seconds)));
            Add(results, kernels, shape, "F16 matrix units", $"{tile}", seconds, operands.Rate(seconds));
            foreach (var use in RegisterUse.Parse(kernels.Programs.Logs.Single(program => program.Spec == spec).Log))
            {
                failures += use.LocalBytes > 0 ? 1 : 0;
                Console.WriteLine($"registers product {tile}: {use.Registers}, {use.LocalBytes} bytes in memory");
            }

            // All tiles add the same numbers in the same order, steps of sixteen: what holds for the first holds for all that equal it.
            var found = operands.Result();
            if (first is null && !operands.IsRight(found))
            {
                failures++;
                Console.WriteLine($"product {rows}x{width}x{depth} {tile}: FAIL: not the sums of double precision");
            }

            if (!found.Bytes.SequenceEqual((first ??= found).Bytes))
            {
                failures++;
                Console.WriteLine($"product {rows}x{width}x{depth} {tile}: FAIL: differs from the first tile's");
            }
        }

        Tell(kernels, shape, "F16 matrix units", rates, $"{MatrixTile.For(kernels, DType.F16, rows, width, depth)}");
    }

    private static void Tell(KernelDevice kernels, (int Rows, int Width, int Depth) shape, string kind, List<(string Name, double Rate)> rates, string chosen)
    {
        var best = rates.MaxBy(entry => entry.Rate);
        var rate = rates.Single(entry => entry.Name == chosen).Rate;
        Console.WriteLine(
            $"product {kernels.Device.Address} {shape.Rows}x{shape.Width}x{shape.Depth} {kind,-16} chosen {chosen}: {rate,7:f2} TFLOP/s, {rate / best.Rate:p0} of the best, {best.Name}: {best.Rate:f2}");
    }

    private static void Add(JsonArray results, KernelDevice kernels, (int Rows, int Width, int Depth) shape, string kind, string name, double seconds, double rate) =>
        results.Add(new JsonObject
        {
            ["device"] = kernels.Device.Address,
            ["shape"] = $"{shape.Rows}x{shape.Width}x{shape.Depth}",
            ["kernel"] = kind,
            ["parameters"] = name,
            ["microseconds"] = seconds * 1e6,
            ["teraflops"] = rate,
        });

    private sealed class Operands : IDisposable
    {
        private readonly KernelDevice _kernels;
        private readonly BufferSet _buffers;
        private readonly DType _type;
        private readonly HostTensor _x;
        private readonly HostTensor _w;

        public Operands(KernelDevice kernels, (int Rows, int Width, int Depth) shape, DType type)
        {
            (_kernels, _type, _buffers) = (kernels, type, new BufferSet(kernels.Context));
            Arguments = new ProductArguments { Rows = shape.Rows, Width = shape.Width, Depth = shape.Depth };
            _x = Seeded.Tensor(new Random(1), type, InputFamily.UnitNormal, shape.Rows, shape.Depth);
            _w = Seeded.Tensor(new Random(2), type, InputFamily.UnitNormal, shape.Width, shape.Depth);
            X = _buffers.Upload<byte>(_x.Bytes);
            W = _buffers.Upload<byte>(_w.Bytes);
            Y = _buffers.Allocate((long)shape.Rows * shape.Width * type.Size());
        }

        public ProductArguments Arguments { get; }

        public OpenClBuffer X { get; }

        public OpenClBuffer W { get; }

        public OpenClBuffer Y { get; }

        public double Rate(double seconds) => 2.0 * Arguments.Rows * Arguments.Width * Arguments.Depth / seconds / 1e12;

        public HostTensor Result()
        {
            var result = HostTensor.Uninitialized(_type, Arguments.Rows, Arguments.Width);
            _kernels.Context.Read(Y, result.Bytes);
            return result;
        }

        // Some results, by double precision; F16 rounds them once.
        public bool IsRight(HostTensor found)
        {
            var (x, w, y) = (_x.ToDoubles(), _w.ToDoubles(), found.ToDoubles());
            var random = new Random(3);
            return Enumerable.Range(0, CheckedResults).All(_ =>
            {
                var (row, column) = (random.Next(Arguments.Rows), random.Next(Arguments.Width));
                var sum = Enumerable.Range(0, Arguments.Depth).Sum(d => x[(row * Arguments.Depth) + d] * w[(column * Arguments.Depth) + d]);
                return Math.Abs(sum - y[(row * Arguments.Width) + column]) <= (Math.Abs(sum) / 1024) + 1e-3;
            });
        }

        public void Dispose() => _buffers.Dispose();
    }
}
