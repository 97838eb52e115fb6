namespace Stof.Reference.Cuda.Execution;

/// <summary>The driver's compiler put registers of a kernel into memory: it would run, far slower than it should.</summary>
/// <param name="kernel">The kernel.</param>
/// <param name="localBytes">Bytes of memory of a thread.</param>
/// <param name="registers">Registers of a thread.</param>
public sealed class RegisterSpillException(string kernel, int localBytes, int registers)
    : InvalidOperationException($"{kernel} needs {localBytes} bytes of local memory a thread beside {registers} registers");
