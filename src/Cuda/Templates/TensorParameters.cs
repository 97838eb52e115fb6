using Stof.Reference.Cuda.Ptx;

namespace Stof.Reference.Cuda.Templates;

/// <summary>A tensor of four axes in either layout.</summary>
internal sealed class TensorParameters(KernelBuilder b, string name)
{
    /// <summary>Address.</summary>
    public B64 Address { get; } = b.Parameter<B64>(name);

    /// <summary>Bytes between two positions.</summary>
    public B32 RowStride { get; } = b.Parameter<B32>(name + "_row_stride");

    /// <summary>Bytes between two heads.</summary>
    public B32 HeadStride { get; } = b.Parameter<B32>(name + "_head_stride");

    /// <summary>Bytes between two batch items.</summary>
    public B32 BatchStride { get; } = b.Parameter<B32>(name + "_batch_stride");

    /// <summary>Address of a batch item's head.</summary>
    public B64 Plane(KernelBuilder builder, B32 batch, B32 head) =>
        builder.MadWideU32(head, HeadStride, builder.MadWideU32(batch, BatchStride, Address));

    /// <summary>Address of a row of it.</summary>
    public GlobalPointer Row(KernelBuilder builder, B64 plane, B32 position) => new(builder.MadWideU32(position, RowStride, plane));
}
