using System.Runtime.InteropServices;
using Stof.Reference.Conformance.Tests.OpenCL;
using Stof.Reference.Graphs;
using Stof.Reference.Numerics;
using Stof.Reference.OpenCL.Execution;
using Stof.Reference.OpenCL.Execution.Models;
using Stof.Reference.Tensors;
using Stof.Reference.Tests;

namespace Stof.Reference.OpenCL.Tests;

/// <summary>The product for matrix units, emulated, tile by tile, with everything that rides on it, beside double precision.</summary>
public sealed class MatrixProductTests
{
    private const int Seed = 23;

    public static TheoryData<int, DType, ActivationKind?, bool> Cases
    {
        get
        {
            var cases = new TheoryData<int, DType, ActivationKind?, bool>();
            for (var tile = 0; tile < MatrixTile.All.Count; tile++)
            {
                cases.Add(tile, tile % 2 == 0 ? DType.F16 : DType.BF16, tile % 3 == 0 ? ActivationKind.SwiGlu : null, tile % 2 == 1);
            }

            cases.Add(6, DType.F16, ActivationKind.GeluErf, false);
            cases.Add(6, DType.BF16, ActivationKind.SwiGlu, true);
            return cases;
        }
    }

    [Theory]
    [MemberData(nameof(Cases))]
    public void Every_tile_agrees(int tile, DType type, ActivationKind? activation, bool storesFloats)
    {
        var matrix = MatrixTile.All[tile];
        var isGated = activation == ActivationKind.SwiGlu;
        var (rows, width, depth) = (matrix.Rows + 5, isGated ? (matrix.Columns / 2) + 6 : matrix.Columns + 6, 72);
        var columns = isGated ? 2 * width : width;
        var random = new Random(Seed);
        var (x, w) = (Seeded.Tensor(random, type, rows, depth), Seeded.Tensor(random, type, columns, depth));
        var (bias, residual) = (Seeded.Tensor(random, DType.F32, columns), Seeded.Tensor(random, type, rows, width));
        using var device = new KernelDevice(OpenClHere.Device, new OpenClOptions { Mapping = Mapping.Groups, MatrixUnits = MatrixUnits.Emulated });
        using var buffers = new BufferSet(device.Context);
        var y = buffers.Allocate((long)rows * width * sizeof(float));
        var kernel = device.Programs.Kernel(matrix.Program(device, type), "product");
        kernel.Begin()
            .Add(new ProductArguments { Rows = rows, Depth = depth, Width = width, Activation = KernelCodes.Of(activation) })
            .Add(buffers.Upload<byte>(x.Bytes)).Add(buffers.Upload<byte>(w.Bytes)).Add(buffers.Upload<byte>(bias.Bytes)).Add(buffers.Upload<byte>(residual.Bytes))
            .Add(storesFloats ? null : y).Add(storesFloats ? y : null);
        device.Context.Launch(kernel, new WorkSize(matrix.Groups(rows, columns)), new WorkSize(MatrixTile.GroupSize));
        var result = HostTensor.Uninitialized(storesFloats ? DType.F32 : type, rows, width);
        device.Context.Read(y, result.Bytes);

        var (xs, ws, bs, rs, ys) = (Floats(x), Floats(w), Floats(bias), Floats(residual), Floats(result));
        double Sum(int row, int column) => bs[column] + Enumerable.Range(0, depth).Sum(d => (double)xs[(row * depth) + d] * ws[(column * depth) + d]);
        var unit = storesFloats ? 1e-5 : type == DType.F16 ? 1.0 / 1024 : 1.0 / 128;
        for (var row = 0; row < rows; row++)
        {
            for (var column = 0; column < width; column++)
            {
                var sum = Sum(row, column);
                var value = activation switch
                {
                    ActivationKind.SwiGlu => sum / (1 + Math.Exp(-sum)) * Sum(row, width + column),
                    ActivationKind.GeluErf => sum * MathNet.Numerics.Distributions.Normal.CDF(0, 1, sum),
                    _ => sum,
                } + rs[(row * width) + column];
                var found = ys[(row * width) + column];
                Assert.True(Math.Abs(value - found) <= unit * (4 + Math.Abs(value)), $"seed {Seed}, {matrix}, row {row}, column {column}: {found}, expected {value}");
            }
        }
    }

    private static float[] Floats(HostTensor tensor) => MemoryMarshal.Cast<byte, float>(tensor.To(DType.F32).Bytes).ToArray();
}
