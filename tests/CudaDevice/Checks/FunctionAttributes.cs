using Stof.Reference.Cuda.Driver;

namespace Stof.Reference.DeviceChecks.Checks;

/// <summary>What the driver says about compiled kernels fits their PTX.</summary>
internal static class FunctionAttributes
{
    public static DeviceCheck Check { get; } = new("function-attributes", Run);

    private static CheckOutcome Run(CheckSession session)
    {
        var axpy = session.Kernel("smoke.ptx", "axpy");
        var reverse = session.Kernel("smoke.ptx", "reverse");
        var capability = (session.Device.Capability.Major * 10) + session.Device.Capability.Minor;
        CheckSession.Require(axpy.Registers is > 3 and < 64, $"axpy has {axpy.Registers} registers");
        CheckSession.Require(axpy.LocalBytes == 0, $"axpy has {axpy.LocalBytes} local bytes");
        CheckSession.Require(axpy.StaticSharedBytes == 0, $"axpy has {axpy.StaticSharedBytes} static shared bytes");
        CheckSession.Require(reverse.StaticSharedBytes == 1024, $"reverse has {reverse.StaticSharedBytes} static shared bytes, not 1024");
        CheckSession.Require(axpy.MaxThreadsPerBlock == 1024, $"axpy takes {axpy.MaxThreadsPerBlock} threads");
        CheckSession.Require(axpy.BinaryVersion == capability, $"axpy's machine code is for {axpy.BinaryVersion}, not {capability}");
        CheckSession.Require(axpy.PtxVersion == 80, $"axpy's PTX is for {axpy.PtxVersion}, not 80");
        var blocks = axpy.BlocksPerMultiprocessor(128, 0);
        CheckSession.Require(blocks == session.Device.MaxThreadsPerMultiprocessor / 128, $"{blocks} blocks of 128 fit a multiprocessor");
        var cases = 8;
        if (axpy.Parameters is { } parameters)
        {
            ParameterSlot[] expected = [new("", 0, 8), new("", 8, 8), new("", 16, 4), new("", 20, 4)];
            CheckSession.RequireEqual(expected, [.. parameters], "axpy's parameters");
            cases += expected.Length;
        }

        CheckSession.RequireThrows<InvalidInputException>(() => session.Kernel("smoke.ptx", "nothing"), "a kernel that is not there");
        return new(cases + 1, $"axpy: {axpy.Registers} registers, {blocks} blocks of 128 a multiprocessor");
    }
}
