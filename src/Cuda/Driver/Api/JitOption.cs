namespace Stof.Reference.Cuda.Driver.Api;

/// <summary><c>CUjit_option</c>, as far as used.</summary>
internal enum JitOption
{
    InfoLogBuffer = 3,
    InfoLogBufferSizeBytes = 4,
    ErrorLogBuffer = 5,
    ErrorLogBufferSizeBytes = 6,
    LogVerbose = 12,
}
