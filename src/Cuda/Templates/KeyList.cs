using Stof.Reference.Cuda.Ptx;

namespace Stof.Reference.Cuda.Templates;

/// <summary>A warp's list of keys in shared memory.</summary>
/// <param name="Array">The array that all warps' lists lie in.</param>
/// <param name="WarpOffset">Bytes to this warp's list.</param>
/// <param name="Lane">This lane.</param>
internal readonly record struct KeyList(SharedPointer Array, B32 WarpOffset, B32 Lane)
{
    /// <summary>Address of an entry.</summary>
    public SharedPointer At(KernelBuilder builder, B32 place) =>
        new(builder.Add(Array.Base, builder.Add(WarpOffset, builder.Shl(place, 2))), Array.Offset);
}
