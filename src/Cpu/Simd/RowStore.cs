namespace Stof.Reference.Cpu.Simd;

/// <summary>How a norm stores a row. Default for through the caches, with nothing asked for.</summary>
internal struct RowStore
{
    /// <summary>From an output element written to the one to ask for, in bytes.</summary>
    public nint OutputAhead;

    /// <summary>True if the output passes by the caches.</summary>
    public bool IsStreamed;
}
