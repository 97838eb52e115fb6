using System.Runtime.InteropServices;
using Stof.Reference.Numerics;
using Stof.Reference.Tensors;

namespace Stof.Reference.Masks;

/// <summary>
/// Keys that leave the cache: key k is seen by the positions k ≤ p &lt; until[k], so that a key once dropped stays dropped. Policies that
/// evict keys step by step (<see cref="Keyformer"/>) and evictions drawn at random are told by the numbers until alone, Skv of them per
/// batch item and head where these differ. A number at or below k says that the key is never seen, one past all positions that it is
/// never dropped.
/// <para>
/// Text form: <c>discard(shape=4,until=BAAAAAIAAAAEAAAA____fw)</c>, the numbers as little-endian int32 in base64url without padding; a
/// mask that varies by batch item or head has the shape BxHxSkv.
/// </para>
/// </summary>
public sealed record DiscardMask : NamedMask
{
    /// <summary>The catalogue's entry.</summary>
    public static MaskEntry Entry { get; } = new()
    {
        Name = "discard",
        Formula = "k ≤ p < until(k)",
        Summary = "Keys that leave the cache: each is seen from its own position on until the position that `until` gives, and never again. Made by "
            + "a policy that evicts keys step by step; `Keyformer` is one.",
        Source = "Adnan et al.: Keyformer (2024), for the policy",
        Parameters =
        [
            MaskParameter.Word("shape", "Skv or BxHxSkv"),
            MaskParameter.Word("until", "base64url of int32: for each key the first position that does not see it; left out if no keys", optional: true),
        ],
        Create = From,
        Examples =
        [
            "discard(shape=4,until=BAAAAAIAAAAEAAAA____fw)",
            "discard(shape=11,until=____fwIAAAAAAAAABAAAAAcAAAAGAAAACQAAAAAAAAD___9_DgAAAAsAAAA)",
            "discard(shape=2x2x7,until=AQAAAAgAAAADAAAACAAAAAgAAAAIAAAACAAAAAIAAAD___9_____fwgAAAD___9_BwAAAAgAAAD___9_____"
                + "fwQAAAAFAAAABQAAAAgAAAAHAAAA____fwIAAAAIAAAABQAAAAgAAAD___9_____fw)",
            "discard(shape=70,until=____fwoAAAALAAAADAAAAA0AAAD___9_DwAAABAAAAARAAAAEgAAAP___38UAAAAFQAAABYAAAAXAAAA____fxk"
                + "AAAAaAAAAGwAAABwAAAD___9_HgAAAB8AAAAgAAAAIQAAAP___38jAAAAJAAAACUAAAAmAAAA____fygAAAApAAAAKgAAACsAAAD___9_LQAAA"
                + "C4AAAAvAAAAMAAAAP___38yAAAAMwAAADQAAAA1AAAA____fzcAAAA4AAAAOQAAADoAAAD___9_PAAAAD0AAAA-AAAAPwAAAP___39BAAAAQgA"
                + "AAEMAAABEAAAA____f0YAAABHAAAASAAAAEkAAAD___9_SwAAAEwAAABNAAAATgAAAA)",
            "discard(0)",
        ],
        Sample = new(
            "discard(shape=32,until=____fxIAAAANAAAAFgAAABEAAAAYAAAAFgAAAP___38YAAAAEgAAABYAAAAYAAAAHwAAABkAAAD___9_IAAAABQ"
                + "AAAAfAAAAHwAAACYAAAAhAAAA____fx4AAAAoAAAAHAAAACAAAAAoAAAAJgAAAP___38oAAAAIwAAACcAAAA)",
            32),
    };

    private readonly int[] _shape;
    private readonly int[] _until;

    private DiscardMask(int[] shape, int[] until)
    {
        if (shape[0] < 1 || shape[1] < 1)
        {
            throw new InvalidInputException($"{Name} shape", HostTensor.Describe(shape), "1 or more batch items and heads");
        }

        if (until.Length != Count(shape))
        {
            throw new InvalidInputException($"{Name} until", $"{until.Length} numbers", $"{Count(shape)} for shape {HostTensor.Describe(shape)}");
        }

        var wrong = until.AsSpan().IndexOfAnyInRange(int.MinValue, -1);
        if (wrong >= 0)
        {
            var (slice, key) = Math.DivRem(wrong, shape[2]);
            throw new InvalidInputException($"{Name} until[{slice / shape[1]}, {slice % shape[1]}, {key}]", $"{until[wrong]}", "0 or more");
        }

        (_shape, _until) = (shape, until);
    }

    /// <summary>[B or 1, H or 1, Skv].</summary>
    public ReadOnlySpan<int> Shape => _shape;

    /// <summary>The first position that no longer sees a key, in the order of <see cref="Shape"/>.</summary>
    public ReadOnlySpan<int> Until => _until;

    /// <inheritdoc/>
    public override string Name => "discard";

    /// <inheritdoc/>
    public override MaskDemand Demand =>
        new(Keys: _shape[2], Batch: _shape[0] == 1 ? null : _shape[0], Heads: _shape[1] == 1 ? null : _shape[1]);

    /// <inheritdoc/>
    public override IReadOnlyList<MaskParameterValue> Arguments
    {
        get
        {
            var shape = new MaskParameterValue("shape", string.Join('x', _shape[0] == 1 && _shape[1] == 1 ? _shape[2..] : _shape));
            return _until.Length == 0 ? [shape] : [shape, new("until", Packed(_until))];
        }
    }

    /// <summary>Imports the numbers.</summary>
    /// <param name="until">I32 [Skv] or [B or 1, H or 1, Skv], 0 or more: for each key the first position that no longer sees it.</param>
    /// <exception cref="InvalidInputException">Another dtype or rank, or a negative number.</exception>
    public static DiscardMask From(HostTensor until)
    {
        ArgumentNullException.ThrowIfNull(until);
        return until.Type == DType.I32 && until.Rank is 1 or 3
            ? new DiscardMask(until.Rank == 1 ? [1, 1, until.Shape[0]] : until.Shape.ToArray(), until.Span<int>().ToArray())
            : throw new InvalidInputException("discard until", until.ToString(), "I32 of [Skv] or [B or 1, H or 1, Skv]");
    }

    /// <inheritdoc/>
    public override BoundMask Bind(MaskExtent extent) => new Bound(Demand.Require(extent, Name), this);

    /// <summary>Same shape and same numbers.</summary>
    public bool Equals(DiscardMask? other) =>
        other is not null && _shape.AsSpan().SequenceEqual(other._shape) && _until.AsSpan().SequenceEqual(other._until);

    /// <inheritdoc/>
    public override int GetHashCode()
    {
        var hash = default(HashCode);
        hash.AddBytes(MemoryMarshal.AsBytes(_shape.AsSpan()));
        hash.AddBytes(MemoryMarshal.AsBytes(_until.AsSpan()));
        return hash.ToHashCode();
    }

    private static DiscardMask From(MaskArguments arguments)
    {
        var shape = arguments.Shape("shape", 1, 3);
        shape = shape.Length == 1 ? [1, 1, .. shape] : shape;
        return new DiscardMask(shape, arguments.Has("until") ? arguments.PackedWholes("until", Count(shape)) : []);
    }

    private static int Count(int[] shape)
    {
        var count = (Int128)shape[0] * shape[1] * shape[2];
        return count * sizeof(int) <= Array.MaxLength
            ? (int)count
            : throw new InvalidInputException("discard shape", HostTensor.Describe(shape), "fewer than 2 GiB of numbers");
    }

    private sealed class Bound : BoundMask
    {
        private readonly int _batchItems;
        private readonly int _heads;
        private readonly RangeExtremes[] _until;

        public Bound(MaskExtent extent, DiscardMask mask)
            : base(extent)
        {
            (_batchItems, _heads) = (mask._shape[0], mask._shape[1]);
            _until = new RangeExtremes[_batchItems * _heads];
            var numbers = new int[extent.KeyLength];
            for (var slice = 0; slice < _until.Length; slice++)
            {
                // A key that no position sees gets 0: then any number past p is that of a key which some position at or after p sees.
                mask._until.AsSpan(slice * numbers.Length, numbers.Length).CopyTo(numbers);
                for (var key = 0; key < numbers.Length; key++)
                {
                    numbers[key] = numbers[key] > key ? numbers[key] : 0;
                }

                _until[slice] = new RangeExtremes(numbers);
            }
        }

        public override bool VariesByBatch => _batchItems > 1;

        public override bool VariesByHead => _heads > 1;

        public override bool Allows(int batch, int head, int query, int key)
        {
            var position = query + QueryOffset;
            return key <= position && position < Of(batch, head).Values[key];
        }

        public override TileClass Classify(int batch, int head, MaskRect rect)
        {
            var (firstPosition, lastPosition) = (rect.QueryStart + QueryOffset, rect.QueryEnd - 1 + QueryOffset);
            if (rect.KeyStart > lastPosition)
            {
                return TileClass.Empty;
            }

            // Keys after the last position count for nothing; of the others some pair is allowed iff one outlives the first position.
            var until = Of(batch, head);
            var keyEnd = (int)Math.Min(rect.KeyEnd, lastPosition + 1L);
            var (least, greatest) = until.Of(rect.KeyStart, keyEnd);
            return greatest <= Math.Max(firstPosition, 0) ? TileClass.Empty
                : rect.KeyEnd - 1 <= firstPosition && least > lastPosition ? TileClass.Full
                : TileClass.Part;
        }

        public override ulong Row64(int batch, int head, int query, int keyStart)
        {
            var position = query + QueryOffset;
            var bits = 0UL;
            var until = Of(batch, head).Values[keyStart..];
            for (var i = 0; i < Math.Min(RowBits, until.Length) && keyStart + i <= position; i++)
            {
                bits |= position < until[i] ? 1UL << i : 0;
            }

            return bits;
        }

        private RangeExtremes Of(int batch, int head) => _until[((_batchItems == 1 ? 0 : batch) * _heads) + (_heads == 1 ? 0 : head)];
    }
}
