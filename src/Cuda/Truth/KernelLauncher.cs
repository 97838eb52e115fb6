using Stof.Reference.Cuda.Ptx;

namespace Stof.Reference.Cuda.Truth;

/// <summary>Runs a kernel on a device and waits for it.</summary>
/// <param name="kernel">The kernel; its first parameters are pointers to the buffers, in their order.</param>
/// <param name="blocks">Blocks of the grid, along x.</param>
/// <param name="buffers">Copied to the device before, and back behind the kernel.</param>
/// <param name="parameters">The parameter block; the launcher writes the buffers' device addresses into it.</param>
public delegate void KernelLauncher(Kernel kernel, int blocks, IReadOnlyList<byte[]> buffers, byte[] parameters);
