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
    public static JsonArray Run(IReadOnlyList<OpenCL.OpenClDevice> devices, int stride, ref int failures)
    {
        var results = new JsonArray();
        foreach (var device in devices)
        {
            foreach (var (name, choice, units) in new (string, AttentionKernelChoice, MatrixUnits?)[]
            {
                ("matrix units", AttentionKernelChoice.Blockwise, null),
                ("block-wise", AttentionKernelChoice.Blockwise, MatrixUnits.None),
                ("row-wise", AttentionKernelChoice.Rowwise, MatrixUnits.None),
            })
            {
                if (units is null && !device.HasMatrixUnits)
                {
                    continue;
                }

                var watch = Stopwatch.StartNew();
                var (isGood, note) = RunOne(device, choice, units, stride);
                failures += isGood ? 0 : 1;
                Console.WriteLine($"suite {device.Address} {name,-12} {(isGood ? "pass" : "FAIL")} {watch.Elapsed.TotalSeconds,6:f1} s  {note}");
                results.Add(new JsonObject { ["device"] = device.Address, ["kernels"] = name, ["passed"] = isGood, ["note"] = note, ["seconds"] = watch.Elapsed.TotalSeconds });
            }
        }

        return results;
    }

    private static (bool IsGood, string Note) RunOne(OpenCL.OpenClDevice device, AttentionKernelChoice choice, MatrixUnits? units, int stride)
    {
        try
        {
            using var subject = new Subject(device, choice, units, stride);
            Type[] classes = [typeof(MaskTests), typeof(OptionTests), typeof(BufferTests), typeof(MetamorphicTests)];
            var outcome = SuiteRunner.Run(
                subject,
                choice == AttentionKernelChoice.Rowwise ? [.. classes, typeof(PoisonTests)] : classes);
            var models = choice == AttentionKernelChoice.Blockwise ? RunModels(subject) : 0;
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

    private sealed class Subject(OpenCL.OpenClDevice device, AttentionKernelChoice choice, MatrixUnits? units, int stride) : BackendUnderTest
    {
        public override IBackend Backend { get; } = new OpenClBackend(device, new OpenClOptions { Attention = choice, MatrixUnits = units });

        public override double LogSumExpLimit => 1e-4;

        public override TileShape? TileReadWhole => choice == AttentionKernelChoice.Rowwise ? null : TileShape.Default;

        public override double BudgetShare => units is null ? 0.8 : 0.6; // PoCL 5 on AVX-512: 0.5003 in one case of seven values a row

        public override int Stride => stride;
    }

    private sealed class MaskTests(BackendUnderTest subject) : MaskConformance(subject);

    private sealed class OptionTests(BackendUnderTest subject) : OptionConformance(subject);

    private sealed class BufferTests(BackendUnderTest subject) : BufferConformance(subject);

    private sealed class PoisonTests(BackendUnderTest subject) : PoisonConformance(subject);

    private sealed class MetamorphicTests(BackendUnderTest subject) : MetamorphicConformance(subject);

    private sealed class Models(BackendUnderTest subject) : ModelConformance(subject);
}
