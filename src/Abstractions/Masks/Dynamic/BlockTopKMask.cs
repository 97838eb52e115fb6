using Stof.Reference.Tensors;

namespace Stof.Reference.Masks;

/// <summary>
/// InfLLM-V2's selected blocks: with keys in blocks of <see cref="Block"/>, the query at position p of block b(p) sees the keys k ≤ p of
/// the first <see cref="Init"/> blocks, of the last <see cref="Local"/> blocks b(p) − local &lt; b ≤ b(p), and of the blocks that the
/// query selected, which the mask holds as indices (Sq·top numbers of 32 bits). <see cref="Select"/> selects the best of each row of a
/// score tensor, such as <see cref="InfLlmScores"/> computes; <see cref="From(HostTensor, int, int, int, int)"/> takes indices as they
/// are. A query before position 0 sees nothing.
/// <para>
/// Text form: <c>block_topk(block=2,init=1,local=1,top=1,shape=2x8,selected=AQAAAAIAAAA)</c>, the block indices as little-endian int32 in base64url
/// without padding, top for each row of [B or 1, H or 1, Sq]: ascending, then −1 where a row selected fewer. A mask that varies by batch
/// item or head has a shape of four extents. A listed block that lies after p, or is seen anyway, changes nothing.
/// </para>
/// </summary>
public sealed record BlockTopKMask : NamedMask
{
    /// <summary>The catalogue's entry.</summary>
    public static MaskEntry Entry { get; } = new()
    {
        Name = "block_topk",
        Formula = "k ≤ p and (block(k) < init or block(k) > block(p) − local or block(k) selected by query q)",
        Summary = "The first blocks, the last blocks and the blocks with the query's best scores, all causal (InfLLM-V2), held as indices for one "
            + "size. `BlockTopKMask.Select` makes it from a tensor of block scores; of equal scores the lowest block wins. `InfLlmScores` computes "
            + "such scores from Q and K.",
        Source = "InfLLM-V2 (2025), as its public CUDA kernels and their tests define it",
        Parameters =
        [
            MaskParameter.Whole("block", "keys of a block"),
            MaskParameter.Whole("init", "first blocks, always seen"),
            MaskParameter.Whole("local", "last blocks, the query's own included, always seen"),
            MaskParameter.Whole("top", "places for blocks in a row"),
            MaskParameter.Word("shape", "SqxSkv or BxHxSqxSkv"),
            MaskParameter.Word("selected", "base64url of int32: for each row its blocks ascending, then -1; left out if no places", optional: true),
        ],
        Create = From,
        Examples =
        [
            "block_topk(block=2,init=1,local=1,top=1,shape=8x8,selected=_____________________wEAAAABAAAAAgAAAAIAAAA)",
            "block_topk(block=3,init=0,local=1,top=2,shape=9x12,selected=_____________________wAAAAABAAAAAQAAAP____________"
                + "___wEAAAACAAAAAAAAAP_______________wIAAAD_____)",
            "block_topk(block=1,init=1,local=2,top=3,shape=7x11,selected=AAAAAP__________AgAAAAQAAAAHAAAACAAAAP__________BQ"
                + "AAAAcAAAAKAAAABAAAAAcAAAD_____AQAAAAIAAAAGAAAACgAAAP__________)",
            "block_topk(block=2,init=0,local=0,top=1,shape=6x4,selected=AQAAAP__________AQAAAAAAAAAAAAAA)",
            "block_topk(block=2,init=1,local=0,top=2,shape=2x2x3x9,selected=AgAAAP____8CAAAAAwAAAAIAAAD_____AQAAAP____8AAAA"
                + "AAwAAAAIAAAAEAAAAAgAAAAMAAAAEAAAA_____wIAAAAEAAAAAgAAAP____8CAAAAAwAAAP__________)",
            "block_topk(block=3,init=0,local=2,top=0,shape=7x13)",
            "block_topk(block=4,init=2147483647,local=2147483647,top=1,shape=5x9,selected=AQAAAAIAAAD_______________8)",
            "block_topk(block=2147483647,init=0,local=0,top=1,shape=3x5,selected=AAAAAAAAAAAAAAAA)",
        ],
        Sample = new(
            "block_topk(block=2,init=1,local=2,top=2,shape=24x24,selected=_________________________________________________"
                + "_______________AQAAAP____8BAAAA_____wEAAAACAAAAAQAAAAIAAAACAAAAAwAAAAEAAAADAAAAAgAAAAMAAAACAAAAAwAAAAEAAAAEAAA"
                + "AAgAAAAUAAAABAAAAAgAAAAEAAAADAAAAAgAAAAQAAAACAAAABQAAAAEAAAAEAAAAAwAAAAgAAAACAAAABwAAAAQAAAAJAAAA)",
            24),
    };

    private readonly RowSelection _selection;

    private BlockTopKMask(int block, int init, int local, RowSelection selection)
    {
        (Block, Init, Local) = (block, AtLeast("init", init, 0), AtLeast("local", local, 0));
        _selection = selection;
    }

    /// <summary>Keys of a block.</summary>
    public int Block { get; }

    /// <summary>First blocks, always seen.</summary>
    public int Init { get; }

    /// <summary>Last blocks, the query's own included, always seen.</summary>
    public int Local { get; }

    /// <summary>Places for blocks in a row.</summary>
    public int Top => _selection.Top;

    /// <summary>[B or 1, H or 1, Sq, top]: for each row the blocks that it selected, ascending, then −1.</summary>
    public ReadOnlySpan<int> Selected => _selection.Indices;

    /// <inheritdoc/>
    public override string Name => "block_topk";

    /// <inheritdoc/>
    public override MaskDemand Demand => _selection.Demand;

    /// <inheritdoc/>
    public override IReadOnlyList<MaskParameterValue> Arguments
    {
        get
        {
            MaskParameterValue[] sizes =
                [new("block", Block), new("init", Init), new("local", Local), new("top", Top), new("shape", _selection.ShapeText)];
            return Selected.IsEmpty ? sizes : [.. sizes, new("selected", Packed(Selected))];
        }
    }

    /// <summary>
    /// Selects the best blocks of every query. Candidates are the blocks that it does not see anyway and that do not lie after it: init ≤
    /// b ≤ b(p) − local. The highest scores win, of equal ones the lowest blocks; a score of −∞ is never selected. Blocks seen anyway
    /// take no place: what their scores are does not matter (systems differ: forcing them by +∞ would let them use up places).
    /// </summary>
    /// <param name="scores">
    /// F32 [B or 1, Hs, Sq, ⌈Skv/block⌉] with Hs heads that divide the extent's: query head h takes its scores from head ⌊h·Hs/H⌋, which
    /// shares them within a group of grouped-query attention.
    /// </param>
    /// <param name="extent">Lengths, batch items, heads and alignment.</param>
    /// <param name="block">Keys of a block, 1 or more.</param>
    /// <param name="init">First blocks, always seen, 0 or more.</param>
    /// <param name="local">Last blocks, always seen, the query's own included, 0 or more.</param>
    /// <param name="top">Most blocks selected, 0 or more; a row with fewer candidates takes all of them.</param>
    /// <exception cref="InvalidInputException">
    /// Another dtype or shape, a NaN anywhere (the message gives its place), or a parameter that is out of range.
    /// </exception>
    public static BlockTopKMask Select(HostTensor scores, MaskExtent extent, int block, int init, int local, int top)
    {
        ArgumentNullException.ThrowIfNull(extent);
        extent.Validated();
        var (queries, keys, blocks) = (extent.QueryLength, extent.KeyLength, BlocksOf(extent.KeyLength, block));
        var values = TopSelector.Scores(scores, "[B or 1, heads that divide H, Sq, blocks]");
        var (batch, scoreHeads) = (scores.Shape[0], scores.Shape[1]);
        var fits = (batch == 1 || batch == extent.Batch)
            && scoreHeads >= 1 && extent.Heads % scoreHeads == 0
            && scores.Shape[2..].SequenceEqual([queries, blocks]);
        if (!fits)
        {
            throw new InvalidInputException(
                nameof(scores), $"{scores}", $"[{extent.Batch} or 1, a divisor of {extent.Heads} heads, {queries}, {blocks} blocks of {block}]");
        }

        var heads = scoreHeads == 1 ? 1 : extent.Heads;
        var places = Math.Min(top, blocks);
        var selected = new int[RowSelection.CountOf("block_topk", batch, heads, queries, places)];
        var selector = new TopSelector(places);
        for (var row = 0; places > 0 && row < selected.Length / places; row++)
        {
            var (slice, query) = Math.DivRem(row, queries);
            var (b, h) = Math.DivRem(slice, heads);
            var scoreRow = ((((b * scoreHeads) + (int)((long)h * scoreHeads / heads)) * queries) + query) * blocks;
            var position = query + extent.QueryOffset;
            for (var candidate = Math.Max(init, 0); position >= 0 && candidate <= Math.Min((position / block) - (long)local, blocks - 1); candidate++)
            {
                selector.Offer(candidate, values[scoreRow + candidate]);
            }

            selector.Take(selected.AsSpan(row * places, places));
        }

        return new BlockTopKMask(block, init, local, new RowSelection("block_topk", [batch, heads, queries, keys], places, blocks, selected));
    }

    /// <summary>Takes over selected blocks.</summary>
    /// <param name="selected">I32 [B or 1, H or 1, Sq, top], in any order within a row, −1 in places that are not used.</param>
    /// <param name="keys">Skv.</param>
    /// <param name="block">Keys of a block, 1 or more.</param>
    /// <param name="init">First blocks, always seen, 0 or more.</param>
    /// <param name="local">Last blocks, always seen, the query's own included, 0 or more.</param>
    /// <exception cref="InvalidInputException">
    /// Another dtype or rank, a parameter that is out of range, or an index that is out of range or twice in a row.
    /// </exception>
    public static BlockTopKMask From(HostTensor selected, int keys, int block, int init, int local) =>
        new(block, init, local, RowSelection.From("block_topk", selected, keys, BlocksOf(keys, block)));

    /// <inheritdoc/>
    public override BoundMask Bind(MaskExtent extent) => new Bound(Demand.Require(extent, Name), this);

    private static BlockTopKMask From(MaskArguments arguments)
    {
        var block = arguments.Whole("block");
        return new(
            block,
            arguments.Whole("init"),
            arguments.Whole("local"),
            RowSelection.From(arguments, "block_topk", keys => BlocksOf(keys, block)));
    }

    /// <summary>⌈Skv/block⌉.</summary>
    /// <exception cref="InvalidInputException">The block is below 1.</exception>
    private static int BlocksOf(int keys, int block) => block >= 1
        ? (int)((keys + (long)block - 1) / block)
        : throw new InvalidInputException("block_topk block", $"{block}", "1 or more");

    private sealed class Bound(MaskExtent extent, BlockTopKMask mask) : BoundMask(extent)
    {
        private readonly RowSelection _selection = mask._selection;
        private readonly int _block = mask.Block;

        // Wide, so that what is added to them cannot wrap.
        private readonly long _init = mask.Init;
        private readonly long _local = mask.Local;

        public override bool VariesByBatch => _selection.Batch > 1;

        public override bool VariesByHead => _selection.Heads > 1;

        public override bool Allows(int batch, int head, int query, int key)
        {
            var position = query + QueryOffset;
            if (key > position)
            {
                return false;
            }

            var keyBlock = key / _block;
            return keyBlock < _init
                || keyBlock > (position / _block) - _local
                || _selection.Row(batch, head, query).BinarySearch((uint)keyBlock) >= 0;
        }

        public override TileClass Classify(int batch, int head, MaskRect rect)
        {
            var (any, all) = (false, true);
            for (var query = rect.QueryStart; query < rect.QueryEnd && (all || !any); query++)
            {
                var position = query + QueryOffset;
                var lastKey = Math.Min(rect.KeyEnd - 1, position);
                if (lastKey < rect.KeyStart)
                {
                    all = false;
                    continue;
                }

                // Of the blocks up to the position those from first to last are seen only if selected, the others always.
                var (firstBlock, lastBlock, lastOpen) = (rect.KeyStart / _block, lastKey / _block, (position / _block) - _local);
                var (first, last) = (Math.Max(firstBlock, _init), Math.Min(lastBlock, lastOpen));
                var count = RowSelection.CountBetween(_selection.Row(batch, head, query), first, last);
                any |= count > 0 || firstBlock < _init || lastBlock > lastOpen;
                all &= lastKey == rect.KeyEnd - 1 && count == Math.Max(last - first + 1, 0);
            }

            return all ? TileClass.Full : any ? TileClass.Part : TileClass.Empty;
        }

        public override ulong Row64(int batch, int head, int query, int keyStart)
        {
            var position = query + QueryOffset;
            if (position < keyStart)
            {
                return 0;
            }

            var end = position + 1L;
            var bits = KeysBetween(keyStart, 0, Math.Min(_init * _block, end))
                | KeysBetween(keyStart, ((position / _block) - _local + 1) * _block, end);
            var row = _selection.Row(batch, head, query);
            for (var i = RowSelection.FirstFrom(row, keyStart / _block); i < row.Length && row[i] * (long)_block < keyStart + (long)RowBits; i++)
            {
                bits |= KeysBetween(keyStart, row[i] * (long)_block, Math.Min((row[i] + 1L) * _block, end));
            }

            return bits;
        }
    }
}
