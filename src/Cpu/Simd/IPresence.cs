namespace Stof.Reference.Cpu.Simd;

/// <summary>Whether an operand takes part, as a type: the JIT compiles a loop without a branch for each case.</summary>
internal interface IPresence
{
    /// <summary>True if it does.</summary>
    static abstract bool IsPresent { get; }
}

internal readonly struct With : IPresence
{
    public static bool IsPresent => true;
}

internal readonly struct Without : IPresence
{
    public static bool IsPresent => false;
}
