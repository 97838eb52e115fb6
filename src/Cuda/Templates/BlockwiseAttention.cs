using Stof.Reference.Cuda.Ptx;
using Stof.Reference.Numerics;

namespace Stof.Reference.Cuda.Templates;

/// <summary>
/// STOF's block-wise attention on tensor cores: a block takes BM queries of a head and walks the tiles that its tile row lists (FlashAttention-2's
/// partition: every warp owns sixteen or 32 queries, keeps Q in registers, and shares K and V).
/// Sources: "Accelerating Sparse Transformer Inference on GPU" (PPoPP'26), block-wise kernel; Dao, "FlashAttention-2" (2023).
/// <para>
/// For each listed tile: K and V arrive in shared memory by asynchronous copies, one tile ahead; S = Q·Kᵀ; where the tile is part, a lane's bits of
/// its own scores come as one word and clear bits make −∞; online softmax in powers of two; O += P·V with P taken from the registers S was in.
/// Full tiles never look at a bit.
/// </para>
/// </summary>
internal sealed class BlockwiseAttention
{
    private const int WarpLanes = 32;
    private const int HalfBytes = 2;

    private readonly KernelBuilder _b;
    private readonly BlockwiseAttentionSpec _spec;
    private readonly BlockwiseParameters _p;
    private readonly int _keyPitch;
    private readonly int _valuePitch;
    private readonly B32 _thread;
    private readonly B32 _lane;
    private readonly B32 _group;
    private readonly B32 _warp; // of its group
    private readonly B32 _keyPlace; // of the lane's row for ldmatrix in a tile of K
    private readonly B32 _valuePlace; // and of V

    private BlockwiseAttention(BlockwiseAttentionSpec spec, Target target)
    {
        _spec = spec;
        _b = new KernelBuilder(NameOf(spec), target);
        _p = new BlockwiseParameters(_b, spec);
        _keyPitch = spec.KeyRow.Pitch;
        _valuePitch = spec.ValueRow.Pitch;
        _thread = _b.ThreadX();
        _lane = _b.And(_thread, WarpLanes - 1);
        var warp = _b.ShrU32(_thread, 5);
        _group = spec.KeyGroups == 1 ? 0 : _b.DivU32(warp, spec.GroupWarps);
        _warp = spec.KeyGroups == 1 ? warp : _b.And(warp, spec.GroupWarps - 1);

        // A load of K brings two neighbouring tiles of eight keys: matrices (keys 0-7, depth 0-7), (0-7, 8-15), (8-15, 0-7), (8-15, 8-15).
        var key = _b.Add(_b.And(_lane, 7), _b.Shl(_b.ShrU32(_lane, 4), 3));
        _keyPlace = _b.Copy(_b.Mad(key, _keyPitch, _b.Shl(_b.And(_b.ShrU32(_lane, 3), 1), 4)));

        // One of V, transposed: matrices (keys 0-7, values 0-7), (8-15, 0-7), (0-7, 8-15), (8-15, 8-15).
        _valuePlace = _b.Copy(_b.Mad(_b.And(_lane, MmaShape.Rows - 1), _valuePitch, _b.Shl(_b.ShrU32(_lane, 4), 4)));
    }

    private int Threads => _spec.Warps * WarpLanes;

    private int Steps => _spec.KeyRow.PaddedBytes / HalfBytes / MmaShape.Depth;

    private int OutputTiles => _spec.ValueRow.PaddedBytes / HalfBytes / MmaShape.Columns;

    /// <summary>Writes the kernel.</summary>
    /// <exception cref="InvalidInputException">The specification is out of range.</exception>
    public static Kernel Build(BlockwiseAttentionSpec spec, Target target)
    {
        if (spec.Type is not (DType.F16 or DType.BF16))
        {
            throw new InvalidInputException("dtype", spec.Type.ToString(), "F16 or BF16");
        }

        if (spec.HeadSize is < 8 or > 256 || spec.HeadSize % 8 != 0 || spec.ValueSize is < 8 or > 256 || spec.ValueSize % 8 != 0)
        {
            throw new InvalidInputException("head size", $"{spec.HeadSize} and {spec.ValueSize}", "multiples of 8 up to 256");
        }

        if (spec.WarpRows is not (16 or 32) || spec.QueryTile < spec.WarpRows)
        {
            throw new InvalidInputException("rows of a warp", $"{spec.WarpRows} of {spec.QueryTile} queries", "16 or 32, and no more than the block has");
        }

        if (spec.KeyGroups is not (1 or 2 or 4) || spec.Warps > 16)
        {
            throw new InvalidInputException("groups of keys", $"{spec.KeyGroups}, {spec.Warps} warps", "1, 2 or 4, and no more than 16 warps");
        }

        if (spec.QueryTile is not (16 or 32 or 64 or 128) || spec.KeyTile is not (32 or 64 or 128) || spec.Stages is < 2 or > 4)
        {
            throw new InvalidInputException(
                "tile", $"{spec.QueryTile}x{spec.KeyTile}, {spec.Stages} stages", "16, 32, 64 or 128 queries by 32, 64 or 128 keys, 2 to 4 stages");
        }

        return new BlockwiseAttention(spec, target).Build();
    }

    /// <summary>Name of the kernel.</summary>
    internal static string NameOf(BlockwiseAttentionSpec spec) =>
        $"blockwise_attention_{spec.Type}_d{spec.HeadSize}_v{spec.ValueSize}_{spec.QueryTile}x{spec.KeyTile}x{spec.Stages}x{spec.WarpRows}".ToLowerInvariant()
        + (spec.KeyGroups == 1 ? "" : $"_groups{spec.KeyGroups}")
        + (spec.Bias == BiasForm.None ? "" : $"_bias_{spec.Bias}".ToLowerInvariant())
        + (spec.LetsNextStartEarly ? "_early" : "") + (spec.IsSplit ? "_split" : "") + (spec.HasPositiveScale ? "" : "_scaled") + (spec.HasSoftcap ? "_cap" : "") + (spec.HasSinks ? "_sinks" : "") + (spec.StoresLogSumExp ? "_lse" : "");

    private Kernel Build()
    {
        var queryTile = _b.AddressOf(_b.Shared("q", _spec.QueryTile * Math.Max(_keyPitch, _valuePitch)));
        var item = new WorkItem(_b, _p, _spec.QueryTile, _spec.KeyGroups == 1 ? null : _group);
        var bits = new TileBits(_b, _spec, _p, item, _warp, _lane);
        bits.Load(bits.Part(item.Own(item.Entry)));
        var walk = new TileWalk(_b, _spec, _p, item, _thread, _group, queryTile);
        walk.AwaitQueries();
        var q = LoadQueries(queryTile);
        var states = new FragmentState[_spec.Strips];
        for (var strip = 0; strip < states.Length; strip++)
        {
            states[strip] = new FragmentState(_b, OutputTiles, _p.Scores.IsPlain ? _p.Scores.ScaleLogE : 1f, multipliesOnes: !_spec.IsSplit, addsWeights: _spec.AddsWeights);
        }

        walk.Each(entry =>
        {
            var nextPart = bits.Part(_b.Add(entry, _spec.KeyGroups));
            var scores = Scores(q, walk.Keys);
            if (!_p.Scores.IsPlain)
            {
                var column = walk.Column(entry);
                for (var strip = 0; strip < scores.Length; strip++)
                {
                    Transform(item, Strip(strip), column, scores[strip]);
                }
            }

            bits.Apply(scores);
            bits.Load(nextPart);
            var weights = new B32[states.Length][][];
            for (var strip = 0; strip < states.Length; strip++)
            {
                weights[strip] = states[strip].Softmax(_spec.Type, scores[strip]);
            }

            Accumulate(weights, walk.Values, states);
        });
        if (_valuePitch != _keyPitch)
        {
            _b.Barrier(); // a warp's rows of O are not where its rows of Q were, which another may still be reading
        }

        if (!_spec.LetsNextStartEarly)
        {
            _b.LetNextStart();
        }

        if (_spec.KeyGroups == 1)
        {
            Store();
        }
        else
        {
            new GroupMerge(_b, _spec, walk.Tiles, _thread, _group).Merge(states);
            _b.If(_b.CompareU32(Comparison.Equal, _group, 0), Store);
        }

        return _b.Build(Threads, _spec.MinimumBlocks);

        void Store()
        {
            for (var strip = 0; strip < states.Length; strip++)
            {
                new FragmentResult(_b, _spec, _p, item, queryTile, Strip(strip), _lane).Store(states[strip]);
            }
        }
    }

    // Number of one of the warp's strips in the tile row.
    private B32 Strip(int strip) => _spec.Strips == 1 ? _warp : _b.Add(_b.Shl(_warp, 1), strip);

    // A fragments of the warp's queries: for each strip of sixteen and each step of sixteen four registers, kept or loaded when asked for.
    private Func<int, int, B32[]> LoadQueries(SharedPointer tile)
    {
        // Lane l gives the address of row l % 16 in the left or right half of the step.
        var row = _b.Mad(_warp, _spec.WarpRows, _b.And(_lane, MmaShape.Rows - 1));
        var half = _b.Shl(_b.ShrU32(_lane, 4), 4);
        var address = new SharedPointer(_b.Add(tile.Base, _b.Mad(row, _keyPitch, half)), tile.Offset);
        B32[] Load(int strip, int step) =>
            _b.LoadMatrix(address + (strip * MmaShape.Rows * _keyPitch) + (step * MmaShape.Depth * HalfBytes), 4, transposed: false);
        if (!_spec.KeepsQueries)
        {
            return Load;
        }

        var fragments = new B32[_spec.Strips][][];
        for (var strip = 0; strip < fragments.Length; strip++)
        {
            fragments[strip] = [.. Enumerable.Range(0, Steps).Select(step => Load(strip, step))];
        }

        return (strip, step) => fragments[strip][step];
    }

    // S = Q·Kᵀ of the warp's queries and the tile's keys: for each strip and each eight keys four registers.
    private F32[][][] Scores(Func<int, int, B32[]> q, SharedPointer tile)
    {
        var address = new SharedPointer(_b.Add(tile.Base, _keyPlace), tile.Offset);
        var scores = new F32[_spec.Strips][][];
        for (var strip = 0; strip < scores.Length; strip++)
        {
            scores[strip] = [.. Enumerable.Range(0, _spec.KeyTile / MmaShape.Columns).Select(_ => Zeros())];
        }

        // Steps outside: a product's accumulators are not those of the product before.
        for (var step = 0; step < Steps; step++)
        {
            var queries = Enumerable.Range(0, scores.Length).Select(strip => q(strip, step)).ToArray();
            for (var pair = 0; pair < _spec.KeyTile / MmaShape.Columns; pair += 2)
            {
                var k = _b.LoadMatrix(address + (pair * MmaShape.Columns * _keyPitch) + (step * MmaShape.Depth * HalfBytes), 4, transposed: false);
                for (var strip = 0; strip < scores.Length; strip++)
                {
                    Product(scores[strip][pair], queries[strip], [k[0], k[1]]);
                    Product(scores[strip][pair + 1], queries[strip], [k[2], k[3]]);
                }
            }
        }

        return scores;
    }

    // O += P·V and l += P·1, P in the registers that S was in.
    private void Accumulate(B32[][][] weights, SharedPointer tile, FragmentState[] states)
    {
        var address = new SharedPointer(_b.Add(tile.Base, _valuePlace), tile.Offset);
        // l is a column more of the product, of ones.
        var ones = B32.Constant(_spec.Type == DType.F16 ? 0x3C003C00 : 0x3F803F80);
        for (var step = 0; step < _spec.KeyTile / MmaShape.Depth; step++)
        {
            for (var strip = 0; strip < states.Length; strip++)
            {
                if (states[strip].Ones is { } sums)
                {
                    Product(sums, weights[strip][step], [ones, ones]);
                }
            }

            for (var pair = 0; pair < OutputTiles; pair += 2)
            {
                var v = _b.LoadMatrix(
                    address + (step * MmaShape.Depth * _valuePitch) + (pair * MmaShape.Columns * HalfBytes), 4, transposed: true);
                for (var strip = 0; strip < states.Length; strip++)
                {
                    Product(states[strip].Output[pair], weights[strip][step], [v[0], v[1]]);
                    Product(states[strip].Output[pair + 1], weights[strip][step], [v[2], v[3]]);
                }
            }
        }
    }

    private void Product(F32[] accumulators, B32[] a, B32[] b)
    {
        if (_spec.Type == DType.F16)
        {
            _b.MmaF16(accumulators, a, b);
        }
        else
        {
            _b.MmaBF16(accumulators, a, b);
        }
    }

    private F32[] Zeros() => [_b.Copy<F32>(0f), _b.Copy<F32>(0f), _b.Copy<F32>(0f), _b.Copy<F32>(0f)];

    // Scale, bias and cap, in powers of two.
    private void Transform(WorkItem item, B32 strip, B32 column, F32[][] scores)
    {
        // A ragged tile's scores beyond the edge are masked later; their bias is that of the edge, so that nothing outside is read.
        var (lastQuery, lastKey) = (_b.Sub(_p.Queries, 1), _b.Sub(_p.Keys, 1));
        var firstKey = _b.Mad(column, _spec.KeyTile, _b.Shl(_b.And(_lane, 3), 1));
        for (var tile = 0; tile < scores.Length; tile++)
        {
            for (var i = 0; i < scores[tile].Length; i++)
            {
                var key = _b.MinS32(_b.Add(firstKey, (tile * MmaShape.Columns) + (i % 2)), lastKey);
                var query = _b.MinS32(item.Query(strip, _lane, i / 2), lastQuery);
                _b.Assign(scores[tile][i], _p.Scores.Apply(_b, scores[tile][i], item.Batch, item.Head, query, key));
            }
        }
    }
}
