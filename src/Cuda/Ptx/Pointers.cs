namespace Stof.Reference.Cuda.Ptx;

/// <summary>An address in global memory: a register and bytes that the instruction adds.</summary>
/// <param name="Base">Address.</param>
/// <param name="Offset">Bytes.</param>
public readonly record struct GlobalPointer(B64 Base, long Offset = 0)
{
    /// <summary>Bytes further on, without an instruction.</summary>
    public static GlobalPointer operator +(GlobalPointer left, long bytes) => left with { Offset = left.Offset + bytes };

    /// <summary>Bytes further on, without an instruction.</summary>
    public GlobalPointer Add(long bytes) => this + bytes;
}

/// <summary>An address in a block's shared memory: a register and bytes that the instruction adds.</summary>
/// <param name="Base">Address within the shared window.</param>
/// <param name="Offset">Bytes.</param>
public readonly record struct SharedPointer(B32 Base, int Offset = 0)
{
    /// <summary>Bytes further on, without an instruction.</summary>
    public static SharedPointer operator +(SharedPointer left, int bytes) => left with { Offset = left.Offset + bytes };

    /// <summary>Bytes further on, without an instruction.</summary>
    public SharedPointer Add(int bytes) => this + bytes;
}

/// <summary>An address in the shared memory of a block of the cluster: a register and bytes that the instruction adds.</summary>
/// <param name="Base">Address within the cluster's window.</param>
/// <param name="Offset">Bytes.</param>
public readonly record struct ClusterPointer(B32 Base, int Offset = 0)
{
    /// <summary>Bytes further on, without an instruction.</summary>
    public static ClusterPointer operator +(ClusterPointer left, int bytes) => left with { Offset = left.Offset + bytes };

    /// <summary>Bytes further on, without an instruction.</summary>
    public ClusterPointer Add(int bytes) => this + bytes;
}

/// <summary>An address in a thread's own memory: a register and bytes that the instruction adds.</summary>
/// <param name="Base">Address within the local window.</param>
/// <param name="Offset">Bytes.</param>
public readonly record struct LocalPointer(B64 Base, long Offset = 0)
{
    /// <summary>Bytes further on, without an instruction.</summary>
    public static LocalPointer operator +(LocalPointer left, long bytes) => left with { Offset = left.Offset + bytes };

    /// <summary>Bytes further on, without an instruction.</summary>
    public LocalPointer Add(long bytes) => this + bytes;
}
