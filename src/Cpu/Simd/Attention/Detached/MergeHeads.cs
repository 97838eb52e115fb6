using Stof.Reference.Cpu.Threading;
using Stof.Reference.Numerics;

namespace Stof.Reference.Cpu.Simd.Attention.Detached;

/// <summary>
/// Operator 6 of a layer run on its own: moves rows from one axis order to another, typically [B, H, S, D] to
/// [B, S, H·D].
/// </summary>
public static unsafe class MergeHeads
{
    /// <summary>Copies row (b, h, s) of the source to row (b, h, s) of the target, whatever their strides.</summary>
    /// <param name="source">Rows to read.</param>
    /// <param name="target">Rows to write, of the same dtype; must not overlap the source.</param>
    /// <param name="batch">Batch size.</param>
    /// <param name="heads">Number of heads.</param>
    /// <param name="length">Rows of a head.</param>
    /// <param name="size">Elements of a row.</param>
    /// <param name="pool">The workers.</param>
    /// <exception cref="InvalidInputException">A view leaves its tensor, or the dtypes differ.</exception>
    public static void Run(AttentionView source, AttentionView target, int batch, int heads, int length, int size, WorkerPool pool)
    {
        ArgumentNullException.ThrowIfNull(pool);
        ArgumentNullException.ThrowIfNull(source.Tensor);
        source.Require(nameof(source), source.Tensor.Type, batch, heads, length, size);
        target.Require(nameof(target), source.Tensor.Type, batch, heads, length, size);
        var bytes = size * source.Tensor.Type.Size();
        pool.Run(batch * heads, (item, _) =>
        {
            for (var s = 0; s < length; s++)
            {
                var from = new ReadOnlySpan<byte>(source.Row(item / heads, item % heads, s), bytes);
                from.CopyTo(new Span<byte>(target.Row(item / heads, item % heads, s), bytes));
            }
        });
    }
}
