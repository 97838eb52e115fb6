using System.Runtime.InteropServices;
using Stof.Reference.Cuda.Ptx;
using Stof.Reference.Cuda.Simulator;
using Stof.Reference.Cuda.Truth;
using Stof.Reference.Tests;

namespace Stof.Reference.Cuda.Tests.Truth;

public sealed class CudaInstructionTruthTests
{
    [Fact]
    public void The_simulator_agrees_with_itself_through_whole_kernels()
    {
        var entries = CudaInstructionTruth.Run(OnSimulator(_ => { }), Target.Sm90, blocks: 2);
        Assert.Equal(
            InstructionProbe.All(Target.Sm90).Count(probe => probe.HasSources) + CudaInstructionTruth.WarpProbes(Target.Sm90).Count(), entries.Length);
        Assert.Equal(entries.Length, entries.Select(entry => entry.Instruction).Distinct().Count());
        foreach (var entry in entries)
        {
            Assert.True(entry.Mismatches == 0, $"{entry.Instruction}: {string.Join("; ", entry.Examples)}");
            Assert.InRange(entry.Cases, 1, ClusterInstructions.MostBlocks * InstructionProbe.Threads);
            Assert.Equal(0, entry.LargestUlps);
        }
    }

    /// <summary>What an H100 said last, by `eng/gpu/run`: a new instruction, or one that means something else now, asks for a new run.</summary>
    [Fact]
    public void A_device_has_said_of_every_instruction_that_the_simulator_is_right()
    {
        var report = TruthReport.FromJson(File.ReadAllText(Path.Combine(AppContext.BaseDirectory, "Truth", "h100-2026-11-28.json")));
        Assert.Contains("H100", report.Device, StringComparison.Ordinal);
        Assert.Empty(report.Problems());
    }

    [Fact]
    public void Another_result_is_found_and_shown()
    {
        var entries = CudaInstructionTruth.Run(OnSimulator(rows => rows[5] ^= 1), Target.Sm90, blocks: 1);
        Assert.All(entries.Where(entry => entry.Instruction.StartsWith("shfl", StringComparison.Ordinal)), entry => Assert.Equal(1, entry.Mismatches));
        var add = Assert.Single(entries, entry => entry.Instruction == "add.s32 b32, b32, b32");
        Assert.Equal(1, add.Mismatches);
        Assert.Matches("^0x[0-9a-f]+, 0x[0-9a-f]+: simulator 0x[0-9a-f]+, device 0x[0-9a-f]+$", Assert.Single(add.Examples));

        // One unit in the last place is within what an approximation may do, and is measured.
        var approximate = Assert.Single(entries, entry => entry.Instruction == "ex2.approx.f32 f32, f32");
        Assert.InRange(approximate.Mismatches, 0, 1);
    }

    [Fact]
    public void Distances_within_the_accuracy_are_measured()
    {
        var entries = CudaInstructionTruth.Run(
            OnSimulator(rows =>
            {
                for (var lane = 0; lane < InstructionProbe.Threads; lane++)
                {
                    // A float in the middle of the range, so that a step is a unit in the last place.
                    rows[lane] += rows[lane] is > 0x3f000000 and < 0x40000000 ? 2u : 0;
                }
            }),
            Target.Sm80,
            blocks: 1);
        Assert.Contains(entries, entry => entry is { Instruction: "ex2.approx.f32 f32, f32", Mismatches: 0, LargestUlps: 2 });
        Assert.Contains(entries, entry => entry.Instruction == "rcp.approx.f32 f32, f32" && entry.Mismatches > 0);
    }

    [Fact]
    public void Reports_are_text_and_back()
    {
        var report = new TruthReport(
            "a \"device\"", "580.1", "2026-11-28", "sm_90", [new TruthEntry("add.s32 b32, b32, b32", 4096, 0, 0, []), new TruthEntry("x", 1, 1, 0.5, ["0x1: simulator 0x2, device 0x3"])]);
        GoldenFile.Verify(report.ToJson(), "json");
        var back = TruthReport.FromJson(report.ToJson());
        Assert.Equal(report.ToJson(), back.ToJson());
        Assert.Equal(report.Device, back.Device);
        Assert.Equal(report.Entries[1].Examples, back.Entries[1].Examples);
    }

    [Fact]
    public void A_report_with_gaps_or_differences_is_not_the_truth()
    {
        var entries = CudaInstructionTruth.Run(OnSimulator(_ => { }), Target.Sm80, blocks: 1);
        var report = new TruthReport("device", "driver", "2026-11-28", "sm_80", entries);
        Assert.Empty(report.Problems());
        Assert.Equal($"{entries[3].Instruction}: not tried", Assert.Single((report with { Entries = entries.RemoveAt(3) }).Problems()));
        var differing = entries[4] with { Mismatches = 2, Cases = 128, Examples = ["0x1: simulator 0x2, device 0x3"] };
        Assert.Equal(
            $"{differing.Instruction}: 2 of 128 differ: 0x1: simulator 0x2, device 0x3",
            Assert.Single((report with { Entries = entries.SetItem(4, differing) }).Problems()));
    }

    [Theory]
    [InlineData("fma.rn.f32 f32, f32, f32, f32")]
    [InlineData("mov.b64 {b32, b32}, b64")]
    [InlineData("cvt.rn.f16x2.f32 f16x2, f32, f32")]
    [InlineData("selp.f64 f64, f64, f64, pred")]
    public void Probe(string signature) =>
        GoldenFile.Verify(InstructionProbe.All(Target.Sm80).Single(probe => probe.Opcode.Signature == signature).Kernel.ToPtx(), "ptx", [signature.Split(' ')[0]]);

    [Fact]
    public void Probes_have_names_of_their_own()
    {
        foreach (var target in Target.All)
        {
            var probes = InstructionProbe.All(target);
            Assert.Equal(probes.Length, probes.Select(probe => probe.Kernel.Name).Distinct().Count());
            Assert.True(InstructionTable.All.Where(opcode => opcode.IsRegisterOnly && target.Has(opcode.Requires)).All(
                opcode => probes.Any(probe => probe.Opcode == opcode)));
        }
    }

    // Runs on the simulator, then lets a fault change the rows.
    private static KernelLauncher OnSimulator(Action<Span<ulong>> fault) => (kernel, blocks, buffers, parameters) =>
    {
        var device = new SimulatedDevice(Target.Sm120);
        var address = device.Allocate<byte>(buffers[0]);
        MemoryMarshal.Write(parameters.AsSpan(kernel.Parameters[0].Offset), address);
        device.Launch(kernel, new Grid(blocks), parameters).ThrowIfFound();
        device.Read<byte>(address, buffers[0].Length).CopyTo(buffers[0], 0);
        fault(MemoryMarshal.Cast<byte, ulong>(buffers[0].AsSpan()));
    };
}
