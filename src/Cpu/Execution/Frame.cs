global using Frame = Stof.Reference.Backends.Frame<Stof.Reference.Tensors.HostTensor>;

using Stof.Reference.Cpu.Simd;

namespace Stof.Reference.Cpu.Execution;

/// <summary>Values of a frame as the kernels take them.</summary>
internal static class FrameViews
{
    /// <summary>A value as a matrix.</summary>
    public static MatrixView View(this Frame frame, int value) => MatrixView.Of(frame[value]);
}
