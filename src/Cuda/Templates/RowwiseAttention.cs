using Stof.Reference.Cuda.Ptx;
using Stof.Reference.Formats;
using Stof.Reference.Numerics;

namespace Stof.Reference.Cuda.Templates;

/// <summary>What a row-wise attention kernel is built for; everything else comes with the launch.</summary>
/// <param name="Type">F32, F16 or BF16.</param>
/// <param name="HeadSize">D.</param>
/// <param name="ValueSize">Dv.</param>
public sealed record RowwiseAttentionSpec(DType Type, int HeadSize, int ValueSize)
{
    /// <summary>What is added to a scaled score.</summary>
    public BiasForm Bias { get; init; }

    /// <summary>True if scores are capped.</summary>
    public bool HasSoftcap { get; init; }

    /// <summary>True if a sink takes part in each row's softmax.</summary>
    public bool HasSinks { get; init; }

    /// <summary>True if LSE is stored.</summary>
    public bool StoresLogSumExp { get; init; }

    /// <summary>
    /// True if a tile row's entries are cut into ranges whose states are stored apart, for <see cref="SplitMerge"/>; sinks and LSE are its.
    /// </summary>
    public bool IsSplit { get; init; }

    /// <summary>Queries of a block, one a warp.</summary>
    public int Warps { get; init; } = 4;
}

/// <summary>
/// STOF's row-wise attention: a warp takes one query, gathers the keys that the tile lists and bitmaps allow it, and nothing else. The
/// warp's lanes form groups; a group holds one key at a time, and all groups together several. No warp waits for another.
/// Source: "Accelerating Sparse Transformer Inference on GPU" (PPoPP'26), row-wise kernel.
/// <para>
/// 1. Tiles of the query's tile row are turned into a list of keys in shared memory: a full tile gives 64, a part tile those whose bit is
/// set. 2. When the list could overflow, or the tiles are done, each group walks its share of it with an online softmax that starts anew, so
/// that sums stay short, and adds the outcome to its state. 3. At the end the groups' states are merged in a fixed order.
/// </para>
/// </summary>
internal sealed class RowwiseAttention
{
    /// <summary>Keys of a tile: the warp reads a tile's row of bits as two words.</summary>
    public const int TileColumns = 64;

    private const int ListLength = 2 * TileColumns; // a list of up to 64 keys takes in one more tile
    private const int WarpLanes = 32;
    private const int LargestStepFloats = 16; // of K and of V in flight a lane

    private readonly KernelBuilder _b;
    private readonly RowwiseAttentionSpec _spec;
    private readonly RowwiseParameters _parameters;
    private readonly RowAccess _keyRow;
    private readonly RowAccess _valueRow;
    private readonly int _groupLanes;
    private readonly int _keysPerStep; // of one group

    private RowwiseAttention(RowwiseAttentionSpec spec, Target target)
    {
        _spec = spec;
        _b = new KernelBuilder(NameOf(spec), target);
        _b.AwaitPrevious();
        _b.LetNextStart();
        var accesses = (spec.HeadSize + RowAccess.VectorElements(spec.Type, spec.HeadSize) - 1) / RowAccess.VectorElements(spec.Type, spec.HeadSize);
        _groupLanes = (int)Math.Min(WarpLanes, System.Numerics.BitOperations.RoundUpToPowerOf2((uint)accesses));
        _keyRow = RowAccess.Of(spec.Type, spec.HeadSize, _groupLanes);
        _valueRow = RowAccess.Of(spec.Type, spec.ValueSize, _groupLanes);
        _parameters = new RowwiseParameters(_b, spec, _valueRow);
        _keysPerStep = Math.Clamp(LargestStepFloats / Math.Max(_keyRow.Floats, _valueRow.Floats), 1, 4);
    }

    /// <summary>Writes the kernel.</summary>
    /// <exception cref="InvalidInputException">The specification is out of range.</exception>
    public static Kernel Build(RowwiseAttentionSpec spec, Target target)
    {
        if (spec.Type is not (DType.F32 or DType.F16 or DType.BF16))
        {
            throw new InvalidInputException("dtype", spec.Type.ToString(), "F32, F16 or BF16");
        }

        if (spec.HeadSize is < 1 or > 512 || spec.ValueSize is < 1 or > 512)
        {
            throw new InvalidInputException("head size", $"{spec.HeadSize} and {spec.ValueSize}", "1 to 512");
        }

        if (spec.Warps is < 1 or > 16)
        {
            throw new InvalidInputException("warps", $"{spec.Warps}", "1 to 16");
        }

        return new RowwiseAttention(spec, target).Build();
    }

    private static string NameOf(RowwiseAttentionSpec spec) =>
        $"rowwise_attention_{spec.Type}_d{spec.HeadSize}_v{spec.ValueSize}".ToLowerInvariant()
        + (spec.Bias == BiasForm.None ? "" : $"_bias_{spec.Bias}".ToLowerInvariant())
        + (spec.IsSplit ? "_split" : "") + (spec.HasSoftcap ? "_cap" : "") + (spec.HasSinks ? "_sinks" : "") + (spec.StoresLogSumExp ? "_lse" : "");

    private Kernel Build()
    {
        var list = _b.Shared("keys", _spec.Warps * ListLength * sizeof(int));
        var thread = _b.ThreadX();
        var warp = _b.ShrU32(thread, 5);
        var lane = _b.And(thread, WarpLanes - 1);
        var query = _b.Mad(_b.BlockX(), _spec.Warps, warp);
        using (_b.When(_b.CompareU32(Comparison.GreaterOrEqual, query, _parameters.Queries)))
        {
            _b.Return();
        }

        var row = new QueryRow(_b, _parameters, query);
        var keys = new KeyList(_b.AddressOf(list), _b.MulLo(warp, ListLength * sizeof(int)), lane);
        var groupLane = _b.And(lane, _groupLanes - 1);
        var group = _b.ShrU32(lane, System.Numerics.BitOperations.Log2((uint)_groupLanes));
        var keyChunks = _keyRow.Chart(_b, groupLane);
        var valueChunks = _valueRow.Chart(_b, groupLane);
        var q = _keyRow.Load(_b, row.Q, keyChunks);

        var state = SoftmaxState.Start(_b, _valueRow.Floats);
        var seen = _b.Copy<B32>(0);
        var count = _b.Copy<B32>(0);
        var (entry, end) = row.TileRange();
        _b.While(
            () => _b.CompareS32(Comparison.Less, entry, end),
            () =>
            {
                Append(row, keys, entry, count);
                _b.Assign(entry, _b.Add(entry, 1));
                var isFull = _b.CompareS32(Comparison.Greater, count, ListLength - TileColumns);
                _b.If(
                    _b.Or(isFull, _b.CompareS32(Comparison.GreaterOrEqual, entry, end)),
                    () =>
                    {
                        _b.WarpSync();
                        Walk(row, keys, count, group, q, keyChunks, valueChunks, state);
                        _b.Assign(seen, _b.Add(seen, count));
                        _b.Assign<B32>(count, 0);
                        _b.WarpSync();
                    });
            });

        for (var distance = _groupLanes; distance < WarpLanes; distance *= 2)
        {
            state.Merge(_b, state.Exchanged(_b, distance));
        }

        Finish(row, seen, lane, groupLane, group, valueChunks, state);
        return _b.Build(_spec.Warps * WarpLanes);
    }

    // Adds the keys of one tile that the query may attend to behind the list.
    private void Append(QueryRow row, KeyList keys, B32 entry, B32 count)
    {
        var column = _b.LoadGlobal<B32>(_b.Element(_parameters.LoadColumns, entry, sizeof(int)));
        var part = _b.LoadGlobal<B32>(_b.Element(_parameters.LoadParts, entry, sizeof(int)));
        var low = _b.Copy<B32>(-1);
        var high = _b.Copy<B32>(-1);
        _b.If(
            _b.CompareS32(Comparison.GreaterOrEqual, part, 0),
            () =>
            {
                // Lane i < 8 reads the byte of the row's inner tile i; words stand inner-tile columns outer.
                var bits = _b.Copy<B32>(0);
                _b.If(
                    _b.CompareU32(Comparison.Less, keys.Lane, TileColumns / TileShape.Inner),
                    () =>
                    {
                        var word = _b.Mad(part, TileColumns, _b.Mad(keys.Lane, TileColumns / TileShape.Inner, row.InnerRow));
                        var address = _b.Element(_parameters.Bitmaps, word, sizeof(ulong));
                        var octet = _b.LoadGlobalU8(new GlobalPointer(_b.Add(address.Base, row.RowInInner)));
                        _b.Assign(bits, _b.Shl(octet, _b.Shl(_b.And(keys.Lane, 3), 3)));
                    });
                var isLow = _b.CompareU32(Comparison.Less, keys.Lane, 4);
                _b.Assign(low, _b.ReduceOr(_b.Select(isLow, bits, 0)));
                _b.Assign(high, _b.ReduceOr(_b.Select(isLow, 0, bits)));
            });

        var first = _b.Mad(column, TileColumns, keys.Lane);
        AppendWord(keys, low, first, count);
        AppendWord(keys, high, _b.Add(first, WarpLanes), count);
    }

    private void AppendWord(KeyList keys, B32 word, B32 key, B32 count)
    {
        var below = _b.Sub(_b.Shl(B32.Constant(1), keys.Lane), 1);
        var place = _b.Add(count, _b.Popc(_b.And(word, below)));
        var isAllowed = _b.CompareU32(Comparison.NotEqual, _b.And(_b.ShrU32(word, keys.Lane), 1), 0);
        using (_b.When(isAllowed))
        {
            _b.StoreShared(keys.At(_b, place), key);
        }

        _b.Assign(count, _b.Add(count, _b.Popc(word)));
    }

    // An online softmax over the list; every group takes every GroupCount-th key.
    private void Walk(
        QueryRow row, KeyList keys, B32 count, B32 group, F32[] q, RowChunk[] keyChunks, RowChunk[] valueChunks, SoftmaxState total)
    {
        var groups = WarpLanes / _groupLanes;
        var state = SoftmaxState.Start(_b, _valueRow.Floats);
        var start = _b.Copy(group);
        var last = _b.Sub(count, 1);

        // The warp's lanes stay together, so all of them look at the first group's place.
        var step = _b.Copy<B32>(0);
        _b.While(
            () => _b.CompareS32(Comparison.Less, step, count),
            () =>
            {
                var scores = new F32[_keysPerStep];
                var values = new F32[_keysPerStep][];
                for (var i = 0; i < _keysPerStep; i++)
                {
                    // Beyond the list's end the last key is taken again, with a weight and values of zero.
                    var place = _b.Add(start, i * groups);
                    var isThere = _b.CompareS32(Comparison.LessOrEqual, place, last);
                    var key = _b.LoadShared<B32>(keys.At(_b, _b.MinS32(place, last)));
                    var products = Dot(q, _keyRow.Load(_b, row.Key(key), keyChunks));
                    values[i] = _valueRow.Load(_b, row.Value(key), valueChunks, isThere);
                    scores[i] = _b.Select(isThere, _parameters.Scores.Apply(_b, products, row.Batch, row.Head, row.Query, key), float.NegativeInfinity);
                }

                state.Take(_b, scores, values);
                _b.Assign(start, _b.Add(start, _keysPerStep * groups));
                _b.Assign(step, _b.Add(step, _keysPerStep * groups));
            });
        total.Merge(_b, state);
    }

    private F32 Dot(F32[] q, F32[] k)
    {
        var sum = _b.Mul(q[0], k[0]);
        for (var i = 1; i < q.Length; i++)
        {
            sum = _b.Fma(q[i], k[i], sum);
        }

        for (var distance = _groupLanes / 2; distance > 0; distance /= 2)
        {
            sum = _b.Add(sum, _b.ShuffleXor(sum, distance));
        }

        return sum;
    }

    private void Finish(QueryRow row, B32 seen, B32 lane, B32 groupLane, B32 group, RowChunk[] valueChunks, SoftmaxState state)
    {
        var isFirst = _b.CompareU32(Comparison.Equal, group, 0);
        if (_parameters.Parts is { } parts)
        {
            var index = _b.Mad(row.Place, _parameters.Splits, row.Split);
            parts.Store(_b, index, state.Maximum, state.Sum, seen, lane);
            _b.If(isFirst, () => parts.Access.Store(_b, parts.Row(_b, index), parts.Access.Chart(_b, groupLane), state.Output));
            return;
        }

        var output = RowResult.Finish(_b, _parameters.Result, row.Place, row.Head, lane, seen, state);
        _b.If(isFirst, () => _valueRow.Store(_b, row.Output, valueChunks, output));
    }
}
