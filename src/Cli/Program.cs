using System.CommandLine;
using Stof.Reference;
using Stof.Reference.Cli;
using Stof.Reference.Cli.Commands;
using Stof.Reference.Cuda.Driver;
using Stof.Reference.OpenCL;

BackendArgument.LookAhead(args);
var root = new RootCommand(
    """
    Sparse-transformer inference by flexible attention masks, fused operators and a two-stage search.

    Exit codes: 0 good, 1 found wrong, 2 bad usage or input, 3 device or environment.

    Examples:
      stof run --model tests/data/hf/bert-bigbird --mask "bigbird(band=8,global=8)" --tune 100 --verify
      stof run --model bert-base --batch 1 --seq 512 --mask "sliding(64)" --tune 30s
      stof mask show "longformer(band=32,global=32)" --seq 512 --png mask.png
      stof attention --in qkv.npz --mask "causal & sliding(64)" --out result.npz
      stof cuda simulate block_sum n=5000 threads=256
    """)
{
    RunCommand.Create(),
    PlanCommand.Create(),
    AttentionCommand.Create(),
    VerifyCommand.Create(),
    DiagnoseCommand.Create(),
    ProbeCommand.Create(),
    DeterminismCommand.Create(),
    GoldenCommand.Create(),
    MaskCommand.Create(),
    DevicesCommand.Create(),
    CudaCommand.Create(),
    BenchCommand.Create(),
    OpenClCommand.Create(),
};

try
{
    var parsed = root.Parse(args);
    var exit = parsed.Invoke(new InvocationConfiguration { EnableDefaultExceptionHandler = false });
    return parsed.Errors.Count > 0 ? ExitCodes.BadInput : exit;
}
catch (InvalidInputException exception)
{
    Console.Error.WriteLine($"error: {exception.Message}");
    return ExitCodes.BadInput;
}
catch (Exception exception) when (exception is IOException or UnauthorizedAccessException or CudaException or OpenClException or DeviceUnavailableException)
{
    Console.Error.WriteLine($"error: {exception.Message}");
    return ExitCodes.Environment;
}
catch (OutOfMemoryException)
{
    Console.Error.WriteLine("error: out of memory; a smaller batch, length or dtype would fit");
    return ExitCodes.Environment;
}
#pragma warning disable CA1031 // The last resort: a user gets one line, a developer the trace.
catch (Exception exception)
#pragma warning restore CA1031
{
    Console.Error.WriteLine(Environment.GetEnvironmentVariable("STOF_TRACE") is { Length: > 0 }
        ? exception.ToString()
        : $"internal error: {exception.GetType().Name}: {exception.Message} (STOF_TRACE=1 shows where)");
    return ExitCodes.Environment;
}
