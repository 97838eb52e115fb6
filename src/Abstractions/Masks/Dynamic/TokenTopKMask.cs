using Stof.Reference.Tensors;

namespace Stof.Reference.Masks;

/// <summary>
/// Hard attention: every query sees the keys that it selected, held as indices (Sq·top numbers of 32 bits). <see cref="Select"/> selects
/// the best of each row of a score tensor; <see cref="From(HostTensor, int)"/> takes indices as they are. The definition (per row the top
/// keys, of equal scores those with the lowest indices) is ours.
/// <para>
/// Text form: <c>token_topk(top=2,shape=2x4,selected=AAAAAP____8BAAAAAwAAAA)</c>, the indices as little-endian int32 in base64url without padding, top for
/// each row of [B or 1, H or 1, Sq]: ascending, then −1 where a row selected fewer. A mask that varies by batch item or head has a shape
/// of four extents.
/// </para>
/// </summary>
public sealed record TokenTopKMask : NamedMask
{
    /// <summary>The catalogue's entry.</summary>
    public static MaskEntry Entry { get; } = new()
    {
        Name = "token_topk",
        Formula = "k is one of the keys selected by query q",
        Summary = "Every query sees the keys with its best scores (hard attention), held as indices for one size. `TokenTopKMask.Select` makes it "
            + "from a tensor of scores, on request only among the keys that another mask allows; of equal scores the lowest key wins.",
        Parameters =
        [
            MaskParameter.Whole("top", "places for keys in a row"),
            MaskParameter.Word("shape", "SqxSkv or BxHxSqxSkv"),
            MaskParameter.Word("selected", "base64url of int32: for each row its keys ascending, then -1; left out if no places", optional: true),
        ],
        Create = a => new TokenTopKMask(RowSelection.From(a, "token_topk", keys => keys)),
        Examples =
        [
            "token_topk(top=2,shape=4x4,selected=AAAAAP____8AAAAAAQAAAAAAAAABAAAAAAAAAAMAAAA)",
            "token_topk(top=4,shape=9x11,selected=_____________________wMAAAAHAAAA__________8BAAAAAwAAAAgAAAD______________"
                + "____________wYAAAD_______________8CAAAABgAAAP__________AQAAAP_______________wkAAAD_______________8AAAAAAgAAAAc"
                + "AAAAJAAAA)",
            "token_topk(top=3,shape=2x2x3x7,selected=________________BgAAAP__________AQAAAP__________AgAAAP__________AQAAAA"
                + "QAAAD_____AQAAAP__________AwAAAP__________AAAAAAIAAAD_____AQAAAAIAAAAGAAAA________________AgAAAAQAAAD_________"
                + "____________)",
            "token_topk(top=3,shape=5x3,selected=AAAAAAEAAAACAAAAAAAAAAEAAAACAAAAAAAAAAEAAAACAAAAAAAAAAEAAAACAAAAAAAAAAEAAA"
                + "ACAAAA)",
            "token_topk(top=0,shape=3x5)",
        ],
        Sample = new(
            "token_topk(top=4,shape=16x16,selected=AAAAAP_______________wAAAAABAAAA__________8AAAAAAQAAAAIAAAD_____AAAAAAEA"
                + "AAACAAAAAwAAAAAAAAABAAAAAgAAAAQAAAAAAAAAAQAAAAMAAAAEAAAAAgAAAAQAAAAFAAAABgAAAAAAAAACAAAABAAAAAcAAAAAAAAAAwAAAA"
                + "QAAAAHAAAAAQAAAAMAAAAFAAAACAAAAAEAAAAEAAAABQAAAAgAAAAEAAAABQAAAAoAAAALAAAAAQAAAAIAAAAKAAAADAAAAAQAAAAHAAAACwAA"
                + "AA0AAAAAAAAAAQAAAAIAAAALAAAAAAAAAAMAAAALAAAADAAAAA)",
            16),
    };

    private readonly RowSelection _selection;

    private TokenTopKMask(RowSelection selection) => _selection = selection;

    /// <summary>Places for keys in a row.</summary>
    public int Top => _selection.Top;

    /// <summary>[B or 1, H or 1, Sq, top]: for each row the keys that it sees, ascending, then −1.</summary>
    public ReadOnlySpan<int> Selected => _selection.Indices;

    /// <inheritdoc/>
    public override string Name => "token_topk";

    /// <inheritdoc/>
    public override MaskDemand Demand => _selection.Demand;

    /// <inheritdoc/>
    public override IReadOnlyList<MaskParameterValue> Arguments => Selected.IsEmpty
        ? [new("top", Top), new("shape", _selection.ShapeText)]
        : [new("top", Top), new("shape", _selection.ShapeText), new("selected", Packed(Selected))];

    /// <summary>Selects the best keys of every row.</summary>
    /// <param name="scores">
    /// F32 [B or 1, H or 1, Sq, Skv]; the higher the better. A score of −∞ is never selected.
    /// </param>
    /// <param name="top">Most keys of a row, 0 or more; a row with fewer candidates takes all of them.</param>
    /// <param name="among">
    /// If given, only keys that it allows are candidates. Its extent must be that of the scores; the result varies by batch item or head
    /// where the scores or this mask do.
    /// </param>
    /// <exception cref="InvalidInputException">
    /// Another dtype or rank, a NaN (the message gives its place), a negative <paramref name="top"/>, or an extent that does not fit.
    /// </exception>
    public static TokenTopKMask Select(HostTensor scores, int top, BoundMask? among = null)
    {
        var values = TopSelector.Scores(scores, "[B or 1, H or 1, Sq, Skv]");
        var (batch, heads, queries, keys) = (scores.Shape[0], scores.Shape[1], scores.Shape[2], scores.Shape[3]);
        var (scoreBatch, scoreHeads) = (batch, heads);
        if (among is not null)
        {
            var extent = among.Extent;
            var fits = (batch == 1 || batch == extent.Batch)
                && (heads == 1 || heads == extent.Heads)
                && (queries, keys) == (extent.QueryLength, extent.KeyLength);
            if (!fits)
            {
                throw new InvalidInputException(
                    nameof(scores),
                    $"{scores}",
                    $"[{extent.Batch} or 1, {extent.Heads} or 1, {extent.QueryLength}, {extent.KeyLength}] as the mask has");
            }

            batch = among.VariesByBatch ? extent.Batch : batch;
            heads = among.VariesByHead ? extent.Heads : heads;
        }

        var places = Math.Min(top, keys);
        var selected = new int[RowSelection.CountOf("token_topk", batch, heads, queries, places)];
        var selector = new TopSelector(places);
        for (var row = 0; places > 0 && row < selected.Length / places; row++)
        {
            var (slice, query) = Math.DivRem(row, queries);
            var (b, h) = Math.DivRem(slice, heads);
            var scoreRow = ((((scoreBatch == 1 ? 0 : b) * scoreHeads) + (scoreHeads == 1 ? 0 : h)) * queries) + query;
            var start = scoreRow * keys;
            for (var key = 0; key < keys; key++)
            {
                if (among is null || among.Allows(b, h, query, key))
                {
                    selector.Offer(key, values[start + key]);
                }
            }

            selector.Take(selected.AsSpan(row * places, places));
        }

        return new TokenTopKMask(new RowSelection("token_topk", [batch, heads, queries, keys], places, keys, selected));
    }

    /// <summary>Takes over selected keys.</summary>
    /// <param name="selected">I32 [B or 1, H or 1, Sq, top], in any order within a row, −1 in places that are not used.</param>
    /// <param name="keys">Skv.</param>
    /// <exception cref="InvalidInputException">Another dtype or rank, or an index that is out of range or twice in a row.</exception>
    public static TokenTopKMask From(HostTensor selected, int keys) => new(RowSelection.From("token_topk", selected, keys, keys));

    /// <inheritdoc/>
    public override BoundMask Bind(MaskExtent extent) => new Bound(Demand.Require(extent, Name), _selection);

    private sealed class Bound(MaskExtent extent, RowSelection selection) : BoundMask(extent)
    {
        public override bool VariesByBatch => selection.Batch > 1;

        public override bool VariesByHead => selection.Heads > 1;

        public override bool Allows(int batch, int head, int query, int key) => selection.Row(batch, head, query).BinarySearch((uint)key) >= 0;

        public override TileClass Classify(int batch, int head, MaskRect rect)
        {
            var (any, all) = (false, true);
            for (var query = rect.QueryStart; query < rect.QueryEnd && (all || !any); query++)
            {
                var count = RowSelection.CountBetween(selection.Row(batch, head, query), rect.KeyStart, rect.KeyEnd - 1);
                any |= count > 0;
                all &= count == rect.KeyEnd - rect.KeyStart;
            }

            return all ? TileClass.Full : any ? TileClass.Part : TileClass.Empty;
        }

        public override ulong Row64(int batch, int head, int query, int keyStart)
        {
            var bits = 0UL;
            var row = selection.Row(batch, head, query);
            for (var i = RowSelection.FirstFrom(row, keyStart); i < row.Length && row[i] - (long)keyStart < RowBits; i++)
            {
                bits |= 1UL << (int)(row[i] - keyStart);
            }

            return bits;
        }
    }
}
