using Stof.Reference.Graphs;
using Stof.Reference.Tensors;

namespace Stof.Reference.Models;

/// <summary>Images cut into patches, the rows that a patch embedding multiplies.</summary>
public static class PatchRows
{
    /// <summary>Images [batch, channels, size, size] to rows [batch·patches, channels·patch²], a run of <c>patch</c> pixels at a time.</summary>
    /// <param name="images">F32.</param>
    /// <param name="rows">F32; receives the rows.</param>
    /// <param name="op">Sizes.</param>
    public static void Cut(HostTensor images, HostTensor rows, PatchEmbeddingOperator op)
    {
        ArgumentNullException.ThrowIfNull(images);
        ArgumentNullException.ThrowIfNull(rows);
        ArgumentNullException.ThrowIfNull(op);
        var source = images.Span<float>();
        var target = rows.Span<float>();
        var size = op.Side * op.Patch;
        for (var start = 0; start < target.Length; start += op.Patch)
        {
            var (row, column) = (start / rows.Shape[1], start % rows.Shape[1]);
            var (item, patch) = (row / (op.Side * op.Side), row % (op.Side * op.Side));
            var (channel, dy) = (column / (op.Patch * op.Patch), column / op.Patch % op.Patch);
            var y = (patch / op.Side * op.Patch) + dy;
            var x = patch % op.Side * op.Patch;
            source.Slice((((((item * op.Channels) + channel) * size) + y) * size) + x, op.Patch).CopyTo(target[start..]);
        }
    }
}
