using Stof.Reference.Cuda.Ptx;

namespace Stof.Reference.Cuda.Templates;

/// <summary>
/// States (m, l, o) of ranges of keys, kept apart in memory, one after the other. m counts in powers of two, and o is not divided by l.
/// </summary>
internal sealed class SplitParts(KernelBuilder builder, RowAccess access)
{
    /// <summary>How lanes share a row of o, in F32.</summary>
    public RowAccess Access { get; } = access;

    private B64 Maxima { get; } = builder.Parameter<B64>("part_max");

    private B64 Sums { get; } = builder.Parameter<B64>("part_sum");

    private B64 Seen { get; } = builder.Parameter<B64>("part_seen");

    private B64 Outputs { get; } = builder.Parameter<B64>("part_output");

    /// <summary>Where a state's o lies.</summary>
    public GlobalPointer Row(KernelBuilder b, B32 index) => b.Element(Outputs, index, Access.Columns * sizeof(float));

    /// <summary>Stores all of a state but o; the lanes whose number is 0 do.</summary>
    public void Store(KernelBuilder b, B32 index, F32 maximum, F32 sum, B32 seen, B32 lane) => b.If(
        b.CompareU32(Comparison.Equal, lane, 0),
        () =>
        {
            b.StoreGlobal(b.Element(Maxima, index, sizeof(float)), maximum);
            b.StoreGlobal(b.Element(Sums, index, sizeof(float)), sum);
            b.StoreGlobal(b.Element(Seen, index, sizeof(int)), seen);
        });

    /// <summary>Loads a state, and how many keys took part.</summary>
    public (SoftmaxState State, B32 Seen) Load(KernelBuilder b, B32 index, RowChunk[] chunks)
    {
        var state = SoftmaxState.Of(
            b.LoadGlobal<F32>(b.Element(Maxima, index, sizeof(float))),
            b.LoadGlobal<F32>(b.Element(Sums, index, sizeof(float))),
            Access.Load(b, Row(b, index), chunks));
        return (state, b.LoadGlobal<B32>(b.Element(Seen, index, sizeof(int))));
    }
}
