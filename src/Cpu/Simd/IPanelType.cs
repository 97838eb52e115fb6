using System.Runtime.CompilerServices;

namespace Stof.Reference.Cpu.Simd;

/// <summary>
/// How a packed column panel stores a step of depth (<see cref="GemmLayout"/>). A micro-kernel reads columns [j, j + width)
/// and [16 + j, 16 + j + width) of it at once; in every type they start at byte 4·j of the step.
/// </summary>
internal unsafe interface IPanelType
{
    /// <summary>Bytes of a step.</summary>
    static abstract int StepBytes { get; }

    /// <summary>True if a micro-kernel is to keep what it widens for the row panels that follow.</summary>
    static virtual bool IsKept => false;

    /// <summary>Reads the two runs of columns whose first start at an address, widened exactly to float.</summary>
    /// <param name="source">The address.</param>
    /// <param name="factor"><see cref="PackedMatrix.HalfFactor"/>.</param>
    static abstract (TVector Left, TVector Right) Load<TLanes, TVector>(byte* source, TVector factor)
        where TLanes : struct, IVectorLanes<TVector>
        where TVector : struct;
}

/// <summary>32 floats.</summary>
internal readonly unsafe struct PanelF32 : IPanelType
{
    public static int StepBytes => GemmLayout.PanelColumns * sizeof(float);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static (TVector Left, TVector Right) Load<TLanes, TVector>(byte* source, TVector factor)
        where TLanes : struct, IVectorLanes<TVector>
        where TVector : struct =>
        (TLanes.Load((float*)source), TLanes.Load((float*)source + GemmLayout.PairDistance));
}

/// <summary>Sixteen pairs of bfloat16: columns j and 16 + j share a word, so that widening is one operation each.</summary>
internal readonly unsafe struct PanelBF16 : IPanelType
{
    public static int StepBytes => GemmLayout.PanelColumns * sizeof(ushort);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static (TVector Left, TVector Right) Load<TLanes, TVector>(byte* source, TVector factor)
        where TLanes : struct, IVectorLanes<TVector>
        where TVector : struct => TLanes.WidenBFloat16(TLanes.Load((float*)source));
}

/// <summary>Sixteen pairs of finite binary16, all scaled by one power of two.</summary>
internal readonly unsafe struct PanelF16 : IPanelType
{
    public static int StepBytes => GemmLayout.PanelColumns * sizeof(ushort);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static (TVector Left, TVector Right) Load<TLanes, TVector>(byte* source, TVector factor)
        where TLanes : struct, IVectorLanes<TVector>
        where TVector : struct => TLanes.WidenHalf(TLanes.Load((float*)source), factor);
}

/// <summary>Panels of another type, kept as floats by the micro-kernel that reads them.</summary>
internal readonly unsafe struct PanelKept<TPanel> : IPanelType
    where TPanel : struct, IPanelType
{
    public static int StepBytes => TPanel.StepBytes;

    public static bool IsKept => true;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static (TVector Left, TVector Right) Load<TLanes, TVector>(byte* source, TVector factor)
        where TLanes : struct, IVectorLanes<TVector>
        where TVector : struct => TPanel.Load<TLanes, TVector>(source, factor);
}
