using Stof.Reference.Cuda.Ptx;
using Stof.Reference.Numerics;

namespace Stof.Reference.Cuda.Templates;

/// <summary>
/// Block-wise attention in F32 on the ordinary units, for which tensor cores have no exact product: the walk, the lists and the softmax of
/// <see cref="BlockwiseAttention"/>, other registers. Eight threads share four queries: each has their scores with every eighth key, and every
/// eighth four of their outputs. Weights go from the one to the other through shared memory, within a warp.
/// </summary>
internal sealed class FmaAttention
{
    /// <summary>Queries of a thread.</summary>
    public const int Queries = 4;

    /// <summary>Threads that share queries.</summary>
    public const int Sharers = 8;

    /// <summary>Keys of a thread in a tile.</summary>
    public const int Keys = 4;

    private const int Vector = 4; // floats of a load
    private const int VectorBytes = Vector * sizeof(float);
    private const int KeyTile = Keys * Sharers;
    private const int Band = Sharers * Vector; // outputs that the threads of a query hold of four each

    private readonly KernelBuilder _b;
    private readonly BlockwiseAttentionSpec _spec;
    private readonly BlockwiseParameters _p;
    private readonly B32 _thread;
    private readonly B32 _sharer;
    private readonly B32 _firstRow; // in the tile

    private FmaAttention(BlockwiseAttentionSpec spec, Target target)
    {
        _spec = spec;
        _b = new KernelBuilder("fma_" + BlockwiseAttention.NameOf(spec), target);
        _p = new BlockwiseParameters(_b, spec);
        _thread = _b.ThreadX();
        _sharer = _b.And(_thread, Sharers - 1);
        _firstRow = _b.MulLo(_b.ShrU32(_thread, 3), Queries);
    }

    /// <summary>Bytes of the weights of a block in shared memory.</summary>
    public static int WeightBytes(int queryTile) => queryTile * WeightRow.Pitch;

    private static TileRow WeightRow => TileRow.Of(KeyTile * sizeof(float), VectorBytes);

    private int Bands => _spec.ValueRow.PaddedBytes / (Band * sizeof(float));

    /// <summary>Writes the kernel.</summary>
    /// <exception cref="InvalidInputException">The specification is out of range.</exception>
    public static Kernel Build(BlockwiseAttentionSpec spec, Target target)
    {
        if (spec.Type != DType.F32 || spec.HeadSize is < 4 or > 256 || spec.HeadSize % 4 != 0 || spec.ValueSize is < 4 or > 256 || spec.ValueSize % 4 != 0)
        {
            throw new InvalidInputException("head size", $"{spec.Type}, {spec.HeadSize} and {spec.ValueSize}", "F32, multiples of 4 up to 256");
        }

        return spec.QueryTile % 16 == 0 && spec.KeyTile == KeyTile && spec.WarpRows == 16 && spec.KeyGroups == 1
            ? new FmaAttention(spec, target).Build()
            : throw new InvalidInputException("tile", $"{spec.QueryTile}x{spec.KeyTile}", $"whole warps of 16 queries by {KeyTile} keys");
    }

    private Kernel Build()
    {
        var queryTile = _b.AddressOf(_b.Shared("q", _spec.QueryTile * _spec.KeyRow.Pitch));
        var weightTile = _b.AddressOf(_b.Shared("p", WeightBytes(_spec.QueryTile)));
        var item = new WorkItem(_b, _p, _spec.QueryTile);
        var threads = _spec.Warps * 32;
        var walk = new TileWalk(_b, _spec, _p, item, _thread, group: 0, queryTile);
        var rows = new SoftmaxState[Queries];
        for (var i = 0; i < Queries; i++)
        {
            rows[i] = SoftmaxState.Start(_b, Bands * Vector);
        }

        walk.AwaitQueries();
        walk.Each(entry =>
        {
            var part = _b.LoadGlobal<B32>(_b.Element(_p.LoadParts, entry, sizeof(int)));
            var scores = Scores(queryTile, walk.Keys);
            Transform(item, walk, entry, scores);
            Mask(part, threads, scores);
            var rescales = Softmax(rows, scores, weightTile);
            _b.WarpSync(); // weights are there
            Accumulate(rows, rescales, weightTile, walk.Values);
            _b.WarpSync(); // and may be overwritten
        });
        if (!_spec.LetsNextStartEarly)
        {
            _b.LetNextStart();
        }

        Store(item, rows);
        return _b.Build(threads);
    }

    // q·k of four queries and four keys, four dimensions a step.
    private F32[][] Scores(SharedPointer queryTile, SharedPointer keyTile)
    {
        var scores = new F32[Queries][];
        for (var i = 0; i < Queries; i++)
        {
            scores[i] = [.. Enumerable.Range(0, Keys).Select(_ => _b.Copy<F32>(0f))];
        }

        var queries = _b.Copy(_b.Add(queryTile.Base, _b.MulLo(_firstRow, _spec.KeyRow.Pitch)));
        var keys = _b.Copy(_b.Add(keyTile.Base, _b.MulLo(_sharer, _spec.KeyRow.Pitch)));
        var end = _b.Add(queries, _spec.KeyRow.PaddedBytes);
        _b.While(
            () => _b.CompareU32(Comparison.Less, queries, end),
            () =>
            {
                var q = Vectors(new SharedPointer(queries, queryTile.Offset), _spec.KeyRow.Pitch, Queries);
                var k = Vectors(new SharedPointer(keys, keyTile.Offset), Sharers * _spec.KeyRow.Pitch, Keys);
                for (var d = 0; d < Vector; d++)
                {
                    for (var i = 0; i < Queries; i++)
                    {
                        for (var j = 0; j < Keys; j++)
                        {
                            _b.Assign(scores[i][j], _b.Fma(q[i][d], k[j][d], scores[i][j]));
                        }
                    }
                }

                _b.Assign(queries, _b.Add(queries, VectorBytes));
                _b.Assign(keys, _b.Add(keys, VectorBytes));
            });
        return scores;
    }

    private F32[][] Vectors(SharedPointer first, int stride, int count) =>
        [.. Enumerable.Range(0, count).Select(i => _b.LoadSharedVector<F32>(first + (i * stride), Vector))];

    // Scores as powers of two have them. A ragged tile's beyond the edge are masked later; their bias is that of the edge.
    private void Transform(WorkItem item, TileWalk walk, B32 entry, F32[][] scores)
    {
        if (_p.Scores.IsPlain)
        {
            foreach (var row in scores)
            {
                foreach (var score in row)
                {
                    _b.Assign(score, _b.Mul(score, _p.Scores.ScaleLogE));
                }
            }

            return;
        }

        var (lastQuery, lastKey) = (_b.Sub(_p.Queries, 1), _b.Sub(_p.Keys, 1));
        var firstKey = _b.Mad(walk.Column(entry), KeyTile, _sharer);
        for (var i = 0; i < Queries; i++)
        {
            var query = _b.MinS32(_b.Add(item.FirstQuery, _b.Add(_firstRow, i)), lastQuery);
            for (var j = 0; j < Keys; j++)
            {
                var key = _b.MinS32(_b.Add(firstKey, Sharers * j), lastKey);
                _b.Assign(scores[i][j], _p.Scores.Apply(_b, scores[i][j], item.Batch, item.Head, query, key));
            }
        }
    }

    private void Mask(B32 part, int threads, F32[][] scores) => _b.If(
        _b.CompareS32(Comparison.GreaterOrEqual, part, 0),
        () =>
        {
            var bits = _b.LoadGlobal<B32>(_b.Element(_p.Bits, _b.Mad(part, threads, _thread), sizeof(uint)));
            for (var i = 0; i < Queries; i++)
            {
                for (var j = 0; j < Keys; j++)
                {
                    var isAllowed = _b.CompareU32(Comparison.NotEqual, _b.And(bits, 1 << ((Keys * i) + j)), 0);
                    _b.Assign(scores[i][j], _b.Select(isAllowed, scores[i][j], float.NegativeInfinity));
                }
            }
        });

    // Stores the weights; gives what the outputs so far are worth now.
    private F32[] Softmax(SoftmaxState[] rows, F32[][] scores, SharedPointer weightTile)
    {
        var rescales = new F32[Queries];
        var place = _b.Add(weightTile.Base, _b.Mad(_firstRow, WeightRow.Pitch, _b.Shl(_sharer, 2)));
        for (var i = 0; i < Queries; i++)
        {
            var largest = _b.Max(rows[i].Maximum, _b.Max(_b.Max(scores[i][0], scores[i][1]), _b.Max(scores[i][2], scores[i][3])));
            for (var distance = 1; distance < Sharers; distance *= 2)
            {
                largest = _b.Max(largest, _b.ShuffleXor(largest, distance));
            }

            // −∞ − (−∞) is no number; relative to 0 a weight of −∞ is 0, as it should be.
            var reference = _b.Select(_b.Compare(Comparison.Equal, largest, float.NegativeInfinity), 0f, largest);
            rescales[i] = _b.Ex2(_b.Sub(rows[i].Maximum, reference));
            var weights = Array.ConvertAll(scores[i], score => _b.Ex2(_b.Sub(score, reference)));
            for (var j = 0; j < Keys; j++)
            {
                _b.StoreShared(new SharedPointer(place, weightTile.Offset) + (i * WeightRow.Pitch) + (j * Sharers * sizeof(float)), weights[j]);
            }

            var sum = _b.Add(_b.Add(weights[0], weights[1]), _b.Add(weights[2], weights[3]));
            _b.Assign(rows[i].Sum, _b.Fma(rows[i].Sum, rescales[i], sum));
            _b.Assign(rows[i].Maximum, largest);
        }

        return rescales;
    }

    // O = O·rescale + P·V: a tile's share is summed on its own first, so that the error does not grow with the number of keys.
    private void Accumulate(SoftmaxState[] rows, F32[] rescales, SharedPointer weightTile, SharedPointer valueTile)
    {
        for (var band = 0; band < Bands; band++)
        {
            var shares = new F32[Queries][];
            for (var i = 0; i < Queries; i++)
            {
                shares[i] = [.. Enumerable.Range(0, Vector).Select(_ => _b.Copy<F32>(0f))];
            }

            var weights = _b.Copy(_b.Add(weightTile.Base, _b.MulLo(_firstRow, WeightRow.Pitch)));
            var values = _b.Copy(_b.Add(valueTile.Base, _b.Mad(_sharer, VectorBytes, band * Band * sizeof(float))));
            var end = _b.Add(weights, WeightRow.Bytes);
            _b.While(
                () => _b.CompareU32(Comparison.Less, weights, end),
                () =>
                {
                    var p = Vectors(new SharedPointer(weights, weightTile.Offset), WeightRow.Pitch, Queries);
                    var v = Vectors(new SharedPointer(values, valueTile.Offset), _spec.ValueRow.Pitch, Vector);
                    for (var key = 0; key < Vector; key++)
                    {
                        for (var i = 0; i < Queries; i++)
                        {
                            for (var d = 0; d < Vector; d++)
                            {
                                _b.Assign(shares[i][d], _b.Fma(p[i][key], v[key][d], shares[i][d]));
                            }
                        }
                    }

                    _b.Assign(weights, _b.Add(weights, VectorBytes));
                    _b.Assign(values, _b.Add(values, Vector * _spec.ValueRow.Pitch));
                });
            for (var i = 0; i < Queries; i++)
            {
                for (var d = 0; d < Vector; d++)
                {
                    var output = rows[i].Output[(band * Vector) + d];
                    _b.Assign(output, _b.Fma(output, rescales[i], shares[i][d]));
                }
            }
        }
    }

    private void Store(WorkItem item, SoftmaxState[] rows)
    {
        for (var i = 0; i < Queries; i++)
        {
            var sum = rows[i].Sum;
            for (var distance = 1; distance < Sharers; distance *= 2)
            {
                sum = _b.Add(sum, _b.ShuffleXor(sum, distance));
            }

            var rowInTile = _b.Add(_firstRow, i);
            var query = _b.Add(item.FirstQuery, rowInTile);
            var seen = _b.Select<B32>(_b.Compare(Comparison.Equal, sum, 0f), 0, 1);
            var isThere = _b.CompareU32(Comparison.Less, query, _p.Queries);
            var state = SoftmaxState.Of(rows[i].Maximum, sum, rows[i].Output);
            if (_p.Parts is not { } parts)
            {
                _b.If(isThere, () => StoreRow(item, query, seen, state));
                continue;
            }

            _b.If(
                _b.CompareS32(Comparison.Less, item.Part, 0),
                () => _b.If(isThere, () => StoreRow(item, query, seen, state.Copied(_b))),
                () => _b.If(isThere, () =>
                {
                    var index = _b.Mad(item.Part, _spec.QueryTile, rowInTile);
                    parts.Store(_b, index, state.Maximum, state.Sum, seen, _sharer);
                    StoreBands(parts.Row(_b, index), state.Output);
                }));
        }
    }

    private void StoreRow(WorkItem item, B32 query, B32 seen, SoftmaxState state)
    {
        var row = _b.Mad(_b.Mad(item.Batch, _p.Heads, item.Head), _p.Queries, query);
        var output = RowResult.Finish(_b, _p.Result, row, item.Head, _sharer, seen, state.Copied(_b));
        StoreBands(_p.O.Row(_b, item.OutputPlane, query), output);
    }

    private void StoreBands(GlobalPointer row, F32[] values)
    {
        var first = new GlobalPointer(_b.Add(row.Base, _b.ExtendU32(_b.Shl(_sharer, 4))), row.Offset);
        for (var band = 0; band < Bands; band++)
        {
            void StoreBand() => _b.StoreGlobalVector<F32>(first + (band * Band * sizeof(float)), values.AsSpan(band * Vector, Vector));
            if ((band + 1) * Band <= _spec.ValueSize)
            {
                StoreBand();
                continue;
            }

            using (_b.When(_b.CompareU32(Comparison.Less, _b.Mad(_sharer, Vector, band * Band), _spec.ValueSize)))
            {
                StoreBand();
            }
        }
    }
}
