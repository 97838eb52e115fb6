using System.Globalization;
using System.Text;
using System.Text.RegularExpressions;
using Stof.Reference.Cuda.Ptx;
using Stof.Reference.Cuda.Simulator;
using Stof.Reference.Cuda.Simulator.Tracing;
using Stof.Reference.Tests;

namespace Stof.Reference.Cuda.Tests.Ptx;

/// <summary>docs/ptx-builder.md shows what the code gives; <c>STOF_ACCEPT=1</c> writes its blocks anew.</summary>
public sealed partial class DocumentTests
{
    private const int Columns = 70;

    [Fact]
    public void The_document_shows_what_the_code_gives()
    {
        var path = Path.Combine(TestData.RepositoryRoot, "docs", "ptx-builder.md");
        var blocks = new Dictionary<string, string>
        {
            ["csharp"] = Method(),
            ["ptx"] = MaskedRowSum.Build(Target.Sm80).ToPtx(),
            ["text"] = Text(Run(out _)),
        };
        var found = File.ReadAllText(path);
        var expected = Block().Replace(found, match => $"```{match.Groups[1].Value}\n{blocks[match.Groups[1].Value]}```");
        Assert.Equal(blocks.Keys, Block().Matches(found).Select(match => match.Groups[1].Value));
        if (Environment.GetEnvironmentVariable("STOF_ACCEPT") == "1")
        {
            File.WriteAllText(path, expected);
            return;
        }

        Assert.Equal(expected, found);
    }

    [Fact]
    public void The_documents_kernel_sums_what_is_kept()
    {
        Run(out var sum);
        Assert.Equal(Enumerable.Range(0, Columns).Where(column => column % 3 != 1).Sum(column => column + 1), sum);
    }

    [Fact]
    public void Without_its_barrier_the_documents_kernel_has_a_race()
    {
        var kernel = MaskedRowSum.Build(Target.Sm80);
        var barrier = kernel.Instructions.Single(instruction => instruction.Opcode.Class == InstructionClass.Barrier);
        var at = kernel.Instructions.IndexOf(barrier);
        var report = Launch(
            new Kernel
            {
                Name = kernel.Name,
                Target = kernel.Target,
                Threads = kernel.Threads,
                MinimumBlocks = kernel.MinimumBlocks,
                ClusterBlocks = 1,
                Instructions = kernel.Instructions.Remove(barrier),
                Parameters = kernel.Parameters,
                ParameterBytes = kernel.ParameterBytes,
                SharedArrays = kernel.SharedArrays,
                SharedBytes = kernel.SharedBytes,
                LocalArrays = kernel.LocalArrays,
                LocalBytes = kernel.LocalBytes,
                Labels = kernel.Labels,
                LabelPositions = [.. kernel.LabelPositions.Select(position => position > at ? position - 1 : position)],
                RegisterTypes = kernel.RegisterTypes,
                Constants = kernel.Constants,
            },
            out _);
        var finding = report.Findings.First(finding => finding.Kind is FindingKind.Race or FindingKind.UninitialisedMemory);
        Assert.Contains("MaskedRowSum.cs:", finding.ToString(), StringComparison.Ordinal);
        Assert.Contains("shared.f32", finding.ToString(), StringComparison.Ordinal);
    }

    // Value column + 1 in each column, two of three kept; warp 0 is traced.
    private static Trace Run(out float sum) => Launch(MaskedRowSum.Build(Target.Sm80), out sum).ThrowIfFound().Trace!;

    private static LaunchReport Launch(Kernel kernel, out float sum)
    {
        var device = new SimulatedDevice(Target.Sm80);
        var sums = device.Allocate(sizeof(float));
        var parameters = new ParameterBlock(kernel)
            .Set("values", device.Allocate<float>([.. Enumerable.Range(1, Columns).Select(value => (float)value)]))
            .Set("keep", device.Allocate<byte>([.. Enumerable.Range(0, Columns).Select(column => (byte)(column % 3 == 1 ? 0 : 1))]))
            .Set("sums", sums)
            .Set("columns", Columns);
        var report = device.Launch(kernel, new Grid(1), parameters.Bytes, new LaunchOptions { Trace = new TraceRequest() });
        sum = device.Read<float>(sums, 1)[0];
        return report;
    }

    private static string Method()
    {
        var lines = File.ReadAllLines(Path.Combine(TestData.RepositoryRoot, "tests", "Cuda", "Ptx", "MaskedRowSum.cs"));
        var first = Array.FindIndex(lines, line => line.Contains("public static Kernel Build", StringComparison.Ordinal));
        return string.Concat(lines[first..^1].Select(line => line.Length > 4 ? line[4..] + "\n" : "\n"));
    }

    private static string Text(Trace trace)
    {
        var text = new StringBuilder();
        foreach (var step in trace.Steps)
        {
            var line = string.Create(CultureInfo.InvariantCulture, $"{step.Number,3}  {step.Lanes:x8}  {step.Instruction,-42}");
            foreach (var register in step.Registers)
            {
                line += $"  {register.Name} = {Value(register, 0)}, {Value(register, 6)}";
            }

            text.Append(line.TrimEnd()).Append('\n');
        }

        return text.ToString();
    }

    private static string Value(WrittenRegister register, int lane) => ((register.Lanes >> lane) & 1) == 0
        ? "-"
        : register.Type switch
        {
            RegisterType.F32 => BitConverter.UInt32BitsToSingle((uint)register.Values[lane]).ToString(CultureInfo.InvariantCulture),
            RegisterType.B64 => string.Create(CultureInfo.InvariantCulture, $"0x{register.Values[lane]:x}"),
            _ => ((int)register.Values[lane]).ToString(CultureInfo.InvariantCulture),
        };

    [GeneratedRegex("```(csharp|ptx|text)\n.*?```", RegexOptions.Singleline)]
    private static partial Regex Block();
}
