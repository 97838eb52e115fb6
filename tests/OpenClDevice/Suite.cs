using System.Diagnostics;
using System.Text.Json.Nodes;
using Stof.Reference.Backends;
using Stof.Reference.Conformance.Tests;
using Stof.Reference.Conformance.Tests.Attention;
using Stof.Reference.Conformance.Tests.Models;
using Stof.Reference.DeviceChecks;
using Stof.Reference.DeviceChecks.Checks;
using Stof.Reference.Formats;
using Stof.Reference.OpenCL;
using Stof.Reference.OpenCL.Execution;
using Stof.Reference.OpenCL.Execution.Attention;
using Stof.Reference.Tests;
using Xunit.Sdk;

namespace Stof.Reference.OpenClDevice;

/// <summary>The conformance suite on every device, in the layout that the device would choose.</summary>
internal static class Suite
{
    /// <summary>Runs it with every kind of kernels that a device has.</summary>
    /// <param name="devices">The devices.</param>
    /// <param name="stride">Of many random problems every so many.</param>
    /// <param name="extensionsOnly">True for what a device's extensions change.</param>
    /// <param name="kernels">The kind of kernels, such as "row-wise"; null for all.</param>
    /// <param name="failures">Counts those that fail.</param>
    public static JsonArray Run(IReadOnlyList<OpenCL.OpenClDevice> devices, int stride, bool extensionsOnly, string? kernels, ref int failures)
    {
        var results = new JsonArray();
        foreach (var device in devices)
        {
            foreach (var (name, options) in (extensionsOnly ? Without(device) : Plain(device)).Concat(Extensions(device)).Where(kind => kernels is null || kind.Name == kernels))
            {
                var watch = Stopwatch.StartNew();
                var (isGood, note) = RunOne(device, options, stride);
                failures += isGood ? 0 : 1;
                Console.WriteLine($"suite {device.Address} {name,-20} {(isGood ? "pass" : "FAIL")} {watch.Elapsed.TotalSeconds,6:f1} s  {note}");
                results.Add(new JsonObject { ["device"] = device.Address, ["kernels"] = name, ["passed"] = isGood, ["note"] = note, ["seconds"] = watch.Elapsed.TotalSeconds });
            }
        }

        if (results.Count == 0)
        {
            failures++;
            Console.WriteLine($"suite FAIL nothing ran: no device has kernels '{kernels}'");
        }

        return results;
    }

    private static IEnumerable<(string Name, OpenClOptions Options)> Plain(OpenCL.OpenClDevice device)
    {
        if (device.HasMatrixUnits)
        {
            yield return ("matrix units", new OpenClOptions { Attention = AttentionKernelChoice.Blockwise });
        }

        yield return ("block-wise", new OpenClOptions { Attention = AttentionKernelChoice.Blockwise, MatrixUnits = MatrixUnits.None });
        yield return ("row-wise", new OpenClOptions { Attention = AttentionKernelChoice.Rowwise, MatrixUnits = MatrixUnits.None });
    }

    // Sub-groups are the GPU's layout's; where a device has 16-bit floats, the plain kernels above use them.
    private static IEnumerable<(string Name, OpenClOptions Options)> Extensions(OpenCL.OpenClDevice device)
    {
        if (device.HasSubGroups)
        {
            yield return ("sub-groups", SubGroupOptions(SubGroups.Native));
        }

        if (device.HasHalf)
        {
            yield return ("fp16", new OpenClOptions { Attention = AttentionKernelChoice.Blockwise, MatrixUnits = MatrixUnits.None, HasFp16 = true });
            yield return ("fp16 by bits", new OpenClOptions { Attention = AttentionKernelChoice.Blockwise, MatrixUnits = MatrixUnits.None, HasFp16 = false });
        }
    }

    // The same layout without them, and emulated where there are none.
    private static IEnumerable<(string Name, OpenClOptions Options)> Without(OpenCL.OpenClDevice device)
    {
        yield return ("no sub-groups", SubGroupOptions(SubGroups.None));
        if (!device.HasSubGroups)
        {
            yield return ("sub-groups, emulated", SubGroupOptions(SubGroups.Emulated));
        }
    }

    private static OpenClOptions SubGroupOptions(SubGroups how) =>
        new() { Mapping = Mapping.Groups, Attention = AttentionKernelChoice.Rowwise, MatrixUnits = MatrixUnits.None, SubGroups = how };

    private static (bool IsGood, string Note) RunOne(OpenCL.OpenClDevice device, OpenClOptions options, int stride)
    {
        try
        {
            using var subject = new Subject(device, options, stride);
            Type[] classes = [typeof(MaskTests), typeof(OptionTests), typeof(BufferTests), typeof(MetamorphicTests)];
            var outcome = SuiteRunner.Run(
                subject,
                options.Attention == AttentionKernelChoice.Rowwise ? [.. classes, typeof(PoisonTests)] : classes);
            var models = options.Attention == AttentionKernelChoice.Blockwise || options.SubGroups is not null ? RunModels(subject) : 0;
            return (true, $"{outcome.Cases} cases, {models} models, {outcome.Note}");
        }
        catch (Exception exception) when (exception is CheckFailedException or XunitException or OpenClException or InvalidInputException)
        {
            return (false, exception.Message);
        }
    }

    // Every scheme on every preset. That all categories of templates are met is asked of backends that refuse none.
    private static int RunModels(BackendUnderTest subject)
    {
        var models = new Models(subject);
        var count = 0;
        foreach (var row in ShrunkModels.Cases)
        {
            var (preset, type) = row.Data;
            models.Every_scheme_agrees_with_the_oracle_layer_by_layer(preset, type);
            count++;
        }

        return count;
    }

    private sealed class Subject(OpenCL.OpenClDevice device, OpenClOptions options, int stride) : BackendUnderTest
    {
        public override IBackend Backend { get; } = new OpenClBackend(device, options);

        public override double LogSumExpLimit => 1e-4;

        public override TileShape? TileReadWhole => options.Attention == AttentionKernelChoice.Rowwise ? null : TileShape.Default;

        public override double BudgetShare => options.MatrixUnits is null ? 0.8 : 0.6; // PoCL 5 on AVX-512: 0.5003 in one case of seven values a row

        public override int Stride => stride;
    }

    private sealed class MaskTests(BackendUnderTest subject) : MaskConformance(subject);

    private sealed class OptionTests(BackendUnderTest subject) : OptionConformance(subject);

    private sealed class BufferTests(BackendUnderTest subject) : BufferConformance(subject);

    private sealed class PoisonTests(BackendUnderTest subject) : PoisonConformance(subject);

    private sealed class MetamorphicTests(BackendUnderTest subject) : MetamorphicConformance(subject);

    private sealed class Models(BackendUnderTest subject) : ModelConformance(subject);
}
