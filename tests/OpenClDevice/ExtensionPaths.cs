using System.Text.Json.Nodes;
using Stof.Reference.Masks;
using Stof.Reference.Numerics;
using Stof.Reference.OpenCL;
using Stof.Reference.OpenCL.Execution;
using Stof.Reference.OpenCL.Execution.Attention;
using Stof.Reference.OpenCL.Execution.Models;
using Stof.Reference.Operators;
using Stof.Reference.Tests;

namespace Stof.Reference.OpenClDevice;

/// <summary>
/// What a device's extensions bring: the same kernels with and without sub-groups in the GPU's layout, and with and without 16-bit floats of the device's own,
/// by turns. A device without sub-groups emulates them, which shows nothing but that the kernels run.
/// </summary>
internal static class ExtensionPaths
{
    private const int Heads = 12;
    private const int Size = 64;
    private const int Group = 128;
    private const int Turns = 2;
    private const int LayerNorm = 1; // as in rows.cl

    public static JsonArray Run(IReadOnlyList<OpenCL.OpenClDevice> devices)
    {
        var results = new JsonArray();
        foreach (var device in devices)
        {
            var plain = new OpenClOptions { Mapping = Mapping.Groups, MatrixUnits = MatrixUnits.None, SubGroups = SubGroups.None };
            var with = plain with { SubGroups = device.HasSubGroups ? SubGroups.Native : SubGroups.Emulated };
            foreach (var (rows, width) in new[] { (128, 768), (4096, 768), (512, 3072) })
            {
                Compare(results, device, $"norm {rows}x{width}", $"sub-groups {with.SubGroups}", options => Norm(device, options, rows, width), plain, with);
            }

            foreach (var mask in new[] { "sliding(32)", "bigbird(band=32,global=32,fill=0.1,seed=1)" })
            {
                Compare(
                    results, device, $"row-wise 1x1024 {mask}", $"sub-groups {with.SubGroups}",
                    options => Attention(device, options, mask, DType.F32, AttentionKernelChoice.Rowwise), plain, with);
            }

            if (device.HasHalf)
            {
                var (bits, own) = (new OpenClOptions { HasFp16 = false }, new OpenClOptions { HasFp16 = true });
                foreach (var choice in new[] { AttentionKernelChoice.Blockwise, AttentionKernelChoice.Rowwise })
                {
                    Compare(results, device, $"{choice} 1x1024 causal", "fp16", options => Attention(device, options, "causal", DType.F16, choice), bits, own);
                }
            }
        }

        return results;
    }

    private static void Compare(
        JsonArray results, OpenCL.OpenClDevice device, string what, string path, Func<OpenClOptions, double> seconds, OpenClOptions without, OpenClOptions with)
    {
        var (plain, other) = (double.MaxValue, double.MaxValue);
        for (var turn = 0; turn < Turns; turn++)
        {
            plain = Math.Min(plain, seconds(without));
            other = Math.Min(other, seconds(with));
        }

        Console.WriteLine($"extensions {device.Address} {what,-60} {path,-22} without {plain * 1e6,10:f1} us, with {other * 1e6,10:f1} us, ratio {plain / other:f2}");
        results.Add(new JsonObject
        {
            ["device"] = device.Address,
            ["what"] = what,
            ["path"] = path,
            ["withoutMicroseconds"] = plain * 1e6,
            ["withMicroseconds"] = other * 1e6,
        });
    }

    private static double Norm(OpenCL.OpenClDevice device, OpenClOptions options, int rows, int width)
    {
        using var kernels = new KernelDevice(device, options);
        using var buffers = new BufferSet(kernels.Context);
        var x = buffers.Upload<byte>(Seeded.Tensor(new Random(1), DType.F32, InputFamily.UnitNormal, rows, width).Bytes);
        var gamma = buffers.Upload<byte>(Seeded.Tensor(new Random(2), DType.F32, InputFamily.UnitNormal, width).Bytes);
        var y = buffers.Allocate((long)rows * width * sizeof(float));
        var group = Math.Min(Group, device.MaxWorkGroup);
        var kernel = kernels.Programs.Kernel(
            ProgramSpec.Of("rows.cl", kernels.Numbers(DType.F32), new RowParameters { Group = group, SubGroups = kernels.SubGroups }), "normalize_rows");
        return AttentionSpeed.Best(kernels, () =>
        {
            kernel.Begin().Add(x).Add(null).Add(null).Add(gamma).Add(null).Add(y).Add(null).Add(width).Add(LayerNorm).Add(1e-5f).AddLocal(group * sizeof(float));
            kernels.Context.Launch(kernel, new WorkSize(rows), new WorkSize(group));
        });
    }

    private static double Attention(OpenCL.OpenClDevice device, OpenClOptions options, string mask, DType type, AttentionKernelChoice choice)
    {
        const int Length = 1024;
        var problem = new AttentionProblem
        {
            Batch = 1,
            QueryHeads = Heads,
            KvHeads = Heads,
            QueryLength = Length,
            KvLength = Length,
            HeadSize = Size,
            Type = type,
            Mask = MaskText.Parse(mask),
        };
        using var kernels = new KernelDevice(device, options);
        return AttentionSpeed.Best(kernels, problem, AttentionChooser.Choose(kernels, problem, choice));
    }
}
