namespace Stof.Reference.Cpu.Simd.Attention;

/// <summary>The operands of a <see cref="LaneProduct"/>.</summary>
internal unsafe struct LaneOperands
{
    /// <summary>A(0, 0); A(row, k) lies row · <see cref="RowStep"/> + k · <see cref="DepthStep"/> floats on.</summary>
    public float* A;

    /// <summary>Floats from row to row of A.</summary>
    public nint RowStep;

    /// <summary>Floats from step to step of the depth.</summary>
    public nint DepthStep;

    /// <summary>B(0, 0).</summary>
    public float* B;

    /// <summary>C(0, 0).</summary>
    public float* C;

    /// <summary>Floats from row to row of B and of C.</summary>
    public nint Stride;

    /// <summary>Products of an element.</summary>
    public int Depth;

    /// <summary>True if the product is added to what C holds.</summary>
    public bool IsAdded;

    /// <summary>
    /// Where C is written only: the largest element so far, one a column, raised to that of the product; or null.
    /// </summary>
    public float* Largest;

    /// <summary>As much memory as A has: it will be read soon, and is asked for meanwhile.</summary>
    public byte* Ahead;
}
