namespace Stof.Reference.Cuda.Driver.Api;

/// <summary><c>CUfunction_attribute</c>, as far as used.</summary>
internal enum FunctionAttribute
{
    MaxThreadsPerBlock = 0,
    SharedSizeBytes = 1,
    ConstSizeBytes = 2,
    LocalSizeBytes = 3,
    NumRegs = 4,
    PtxVersion = 5,
    BinaryVersion = 6,
    MaxDynamicSharedSizeBytes = 8,
    PreferredSharedMemoryCarveout = 9,
    NonPortableClusterSizeAllowed = 14,
}
