using Stof.Reference.DeviceChecks.Checks;

namespace Stof.Reference.DeviceChecks;

/// <summary>All checks in the order in which they run: what others build on comes first.</summary>
internal static class Catalogue
{
    public static IReadOnlyList<DeviceCheck> All { get; } =
    [
        DriverFacts.Check,
        ErrorNames.Check,
        MemoryRoundTrip.Check,
        ModuleLaunch.Check,
        FunctionAttributes.Check,
        SharedMemoryOptIn.Check,
        EventTiming.Check,
        GraphReplay.Check,
        ClusterLaunch.Check,
        LinkedCubin.Check,
        InstructionTruth.Check,
        BuildFailure.Check,
        OutOfMemory.Check,
        Refusals.Check,
        NoLeak.Check,
        NormConformance.Check,
        GemmConformance.Check,
        GemmNormConformance.Check,
        GemmChainConformance.Check,
        GemmSpeed.Check,
        GemmNormSpeed.Check,
        CubinCacheReuse.Check,
        RowsSpeed.Check,
        ModelConformanceCheck.Check,
        ModelSpeed.Check,
        KernelConformance.Rowwise,
        KernelConformance.Blockwise,
        Repeats.Check,
        TensorMapBox.Check,
        LostContext.Check,
    ];
}
