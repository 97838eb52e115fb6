using Stof.Reference.Masks;
using Stof.Reference.Numerics;
using Stof.Reference.Tensors;

namespace Stof.Reference.Formats;

/// <summary>A mask as one byte a pair; <see cref="DenseMask.From(HostTensor)"/> reads it back.</summary>
public static class DenseBits
{
    /// <summary>Bool [B or 1, H or 1, Sq, Skv]: an extent of 1 where batch items or heads share the mask.</summary>
    /// <exception cref="InvalidInputException">The tensor would exceed 2 GiB.</exception>
    public static HostTensor ToDense(this BoundMask mask)
    {
        ArgumentNullException.ThrowIfNull(mask);
        var (queries, keys) = (mask.Extent.QueryLength, mask.Extent.KeyLength);
        var (batches, heads) = (mask.VariesByBatch ? mask.Extent.Batch : 1, mask.VariesByHead ? mask.Extent.Heads : 1);
        var dense = HostTensor.Uninitialized(DType.Bool, batches, heads, queries, keys);
        var start = 0;
        for (var slice = 0; slice < batches * heads; slice++)
        {
            for (var query = 0; query < queries; query++, start += keys)
            {
                var row = dense.Bytes.Slice(start, keys);
                for (var key = 0; key < keys; key += BoundMask.RowBits)
                {
                    PackedBits.Unpack(
                        mask.Row64(slice / heads, slice % heads, query, key), row.Slice(key, Math.Min(BoundMask.RowBits, keys - key)));
                }
            }
        }

        return dense;
    }
}
