using System.Diagnostics;
using Stof.Reference.Cuda.Driver;

namespace Stof.Reference.DeviceChecks.Checks;

/// <summary>
/// A kernel that writes to a forbidden address loses its context: the error says so, later calls are refused, and the process goes on with
/// the CPU. In a process of its own, for other checks want to keep their context.
/// </summary>
internal static class LostContext
{
    private const int SecondsToWait = 60;
    private const ulong Forbidden = 16;

    public static DeviceCheck Check { get; } = new("lost-context", Run) { RunsSmall = false };

    /// <summary>The child process: 0 if everything was as it should be.</summary>
    public static int Provoke(CudaDevice device)
    {
        using var context = CudaContext.Open(device);
        using var stream = context.CreateStream();
        using var memory = stream.Allocate(1024);
        using var module = context.LoadPtx(CheckSession.Ptx("smoke.ptx"), "smoke");
        module.GetFunction("poke").Launch(stream, new LaunchShape(new Dim3(1), new Dim3(1)), new ParameterBlock().Add(Forbidden));
        var first = CheckSession.RequireThrows<CudaContextLostException>(stream.Synchronize, "the wait for a kernel that failed");
        CheckSession.Require(context.IsLost, "the context does not know that it is lost");
        var later = CheckSession.RequireThrows<CudaContextLostException>(() => context.Allocate(1), "an allocation in a lost context");
        CheckSession.Require(later.Message.Contains("go on with the CPU", StringComparison.Ordinal), later.Message);
        CheckSession.Require(Enumerable.Range(1, 100).Sum() == 5050, "the CPU is gone too");
        Console.WriteLine(first.Error.Name);
        return 0;
    }

    private static CheckOutcome Run(CheckSession session)
    {
        var self = Environment.ProcessPath ?? throw new CheckFailedException("the process does not know its own path");
        var start = new ProcessStartInfo(self) { RedirectStandardOutput = true, RedirectStandardError = true };
        if (Path.GetFileNameWithoutExtension(self) == "dotnet")
        {
            start.ArgumentList.Add(typeof(LostContext).Assembly.Location);
        }

        start.ArgumentList.Add(Options.LoseContextSwitch);
        start.ArgumentList.Add("--device");
        start.ArgumentList.Add($"{session.Device.Ordinal}");
        using var child = Process.Start(start)!;
        var error = child.StandardError.ReadToEndAsync();
        var output = child.StandardOutput.ReadToEndAsync();
        if (!child.WaitForExit(TimeSpan.FromSeconds(SecondsToWait)))
        {
            child.Kill();
            throw new CheckFailedException($"the process with the lost context did not end in {SecondsToWait} s");
        }

        CheckSession.Require(child.ExitCode == 0, $"exit code {child.ExitCode}: {output.Result} {error.Result}");
        return new(4, output.Result.Trim());
    }
}
