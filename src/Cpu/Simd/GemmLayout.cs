namespace Stof.Reference.Cpu.Simd;

/// <summary>
/// The two packed layouts. B: panels of 32 columns, [panel][k][32] floats, or [panel][k][16][2] elements of 16 bits, where
/// columns j and 16 + j make a pair. A: panels of 12 rows whose depth is cut into groups of
/// 16, [panel][k / 16][12][16], so that packing is a copy of whole vectors and a micro-kernel reads its twelve broadcasts at
/// fixed distances. The micro-kernel reads the same two layouts at every register width.
/// </summary>
internal static class GemmLayout
{
    public const int PanelColumns = 32;
    public const int PairDistance = PanelColumns / 2;
    public const int PanelRows = 12;
    public const int DepthGroup = 16;
    public const int GroupFloats = PanelRows * DepthGroup;

    public static int Panels(int columns) => (columns + PanelColumns - 1) / PanelColumns;

    public static int RowPanels(int rows) => (rows + PanelRows - 1) / PanelRows;

    /// <summary>Floats of one packed row panel of the given depth.</summary>
    public static long RowPanelFloats(int depth) => (long)((depth + DepthGroup - 1) / DepthGroup) * GroupFloats;
}
