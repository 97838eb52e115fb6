using System.Runtime.InteropServices;
using Stof.Reference.Cuda.Driver;
using Stof.Reference.Cuda.Ptx;
using Stof.Reference.Cuda.Truth;
using DriverParameters = Stof.Reference.Cuda.Driver.ParameterBlock;

namespace Stof.Reference.DeviceChecks.Checks;

/// <summary>
/// Every instruction does on the device what the simulator says it does. The driver's compiler so also sees a kernel for each instruction.
/// <c>--truth FILE</c> writes what was found, to be kept in tests/Cuda/Truth.
/// </summary>
internal static class InstructionTruth
{
    public static DeviceCheck Check { get; } = new("instruction-truth", Run);

    private static CheckOutcome Run(CheckSession session)
    {
        var capability = session.Device.Capability;
        var target = Target.For((10 * capability.Major) + capability.Minor);
        void Launch(Kernel kernel, int blocks, IReadOnlyList<byte[]> buffers, byte[] parameters) => LaunchOn(session, kernel, blocks, buffers, parameters);

        var entries = CudaInstructionTruth.Run(Launch, target, session.Small ? 1 : 32);
        if (session.TruthFile is { } file)
        {
            var report = new TruthReport(
                session.Device.Name, $"CUDA {session.Probe.Version}", DateTime.UtcNow.ToString("yyyy-MM-dd"), target.Name, entries);
            File.WriteAllText(file, report.ToJson());
        }

        // Special registers have no operands to compare; they are compiled.
        foreach (var probe in InstructionProbe.All(target).Where(probe => !probe.HasSources))
        {
            session.Context.LoadPtx(probe.Kernel.ToPtx(), probe.Kernel.Name).Dispose();
        }

        var wrong = entries.Where(entry => entry.Mismatches > 0).ToArray();
        CheckSession.Require(
            wrong.Length == 0,
            $"{wrong.Length} of {entries.Length} instructions differ:\n"
            + string.Join('\n', wrong.Select(entry => $"{entry.Instruction}: {entry.Mismatches} of {entry.Cases}; {string.Join("; ", entry.Examples)}")));
        return new(entries.Sum(entry => (long)entry.Cases), $"{entries.Length} instructions on {target.Name}");
    }

    private static void LaunchOn(CheckSession session, Kernel kernel, int blocks, IReadOnlyList<byte[]> buffers, byte[] parameters)
    {
        using var module = session.Context.LoadPtx(kernel.ToPtx(), kernel.Name);
        var block = new DriverParameters(kernel.Parameters.Select(parameter => new ParameterSlot(parameter.Name, parameter.Offset, parameter.Bytes)));
        var memory = buffers.Select(buffer => session.Upload(buffer)).ToArray();
        for (var i = 0; i < kernel.Parameters.Length; i++)
        {
            var parameter = kernel.Parameters[i];
            if (i < memory.Length)
            {
                block.Set(parameter.Name, memory[i]);
            }
            else
            {
                block.Set(parameter.Name, MemoryMarshal.Read<uint>(parameters.AsSpan(parameter.Offset)));
            }
        }

        module.GetFunction(kernel.Name).Launch(
            session.Stream,
            new LaunchShape(new Dim3(blocks), new Dim3(kernel.Threads))
            {
                DynamicSharedBytes = kernel.SharedBytes,
                Cluster = kernel.ClusterBlocks > 1 ? new Dim3(kernel.ClusterBlocks) : null,
            },
            block);
        for (var i = 0; i < memory.Length; i++)
        {
            session.Download<byte>(memory[i]).CopyTo(buffers[i], 0);
            memory[i].Dispose();
        }
    }
}
