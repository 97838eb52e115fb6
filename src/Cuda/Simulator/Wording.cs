namespace Stof.Reference.Cuda.Simulator;

/// <summary>Words of findings.</summary>
internal static class Wording
{
    /// <summary>What an access does.</summary>
    public static string Of(Touch touch) => touch switch
    {
        Touch.Read => "reads",
        Touch.Write => "writes",
        _ => "atomically changes",
    };

    /// <summary>What an access did.</summary>
    public static string Past(Touch touch) => touch switch
    {
        Touch.Read => "read",
        Touch.Write => "wrote",
        _ => "atomically changed",
    };

    /// <summary>A thread of the block as seen from a warp.</summary>
    public static string Party(int self, int warp, int lane) =>
        (warp == self ? "" : $"warp {warp} ") + (lane < 0 ? "several lanes" : $"lane {lane}");
}
