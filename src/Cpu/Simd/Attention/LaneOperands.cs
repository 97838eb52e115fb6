namespace Stof.Reference.Cpu.Simd.Attention;

/// <summary>The arguments of <see cref="LaneProduct.Run"/> for one range of columns.</summary>
internal readonly unsafe struct LaneOperands(
    float* a, nint rowStep, nint depthStep, float* b, float* c, nint stride, int depth, float* factor, float* largest)
{
    public readonly float* A = a;
    public readonly nint RowStep = rowStep;
    public readonly nint DepthStep = depthStep;
    public readonly float* B = b;
    public readonly float* C = c;
    public readonly nint Stride = stride;
    public readonly int Depth = depth;
    public readonly float* Factor = factor;
    public readonly float* Largest = largest;
}
