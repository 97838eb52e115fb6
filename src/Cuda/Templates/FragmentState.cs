using Stof.Reference.Cuda.Ptx;
using Stof.Reference.Numerics;

namespace Stof.Reference.Cuda.Templates;

/// <summary>
/// The online softmax of a warp's sixteen queries in the registers of its products: a lane holds two rows (l/4 and l/4 + 8), two neighbouring
/// columns of each in every tile of eight. Weights are relative to a score m that was the row's largest when it was taken. It is taken anew only where
/// a score exceeds it by <see cref="Headroom"/> powers of two: after a row's first tiles hardly ever, and o keeps its scale.
/// </summary>
internal sealed class FragmentState
{
    // Weights up to 2⁸: exact enough in 16 bits as those up to 1 are, and far from 65,504, the largest number of F16.
    private const float Headroom = 8f;

    private readonly KernelBuilder _b;
    private readonly F32 _scale;
    private readonly F32 _headroom;
    private readonly F32[] _shifts;
    private readonly F32[] _added; // l of the two rows, a lane's share, where weights are added

    /// <summary>Starts with no key.</summary>
    /// <param name="builder">The kernel.</param>
    /// <param name="outputTiles">Eights of values.</param>
    /// <param name="scale">What makes powers of two of scores; positive.</param>
    /// <param name="multipliesOnes">True if l is a column more of the product with V, of ones: the sum of the weights as they were rounded.</param>
    /// <param name="addsWeights">True if weights are added as floats as well, or instead: LSE needs them exact.</param>
    public FragmentState(KernelBuilder builder, int outputTiles, F32 scale, bool multipliesOnes, bool addsWeights)
    {
        (_b, _scale) = (builder, scale);
        _headroom = _b.Mul(_b.RcpApprox(scale, flush: true), Headroom);
        _shifts = [_b.Copy<F32>(0f), _b.Copy<F32>(0f)];
        Maxima = [_b.Copy<F32>(float.NegativeInfinity), _b.Copy<F32>(float.NegativeInfinity)];
        Ones = multipliesOnes ? Zeros() : null;
        _added = addsWeights ? [_b.Copy<F32>(0f), _b.Copy<F32>(0f)] : [];
        Output = [.. Enumerable.Range(0, outputTiles).Select(_ => Zeros())];
    }

    /// <summary>m of the two rows, in units of the scores.</summary>
    public F32[] Maxima { get; }

    /// <summary>l as a product's accumulators: of the first row in the first two, which are the same, of the second in the others. Null if it is added.</summary>
    public F32[]? Ones { get; }

    /// <summary>o: for each eight values four registers.</summary>
    public F32[][] Output { get; }

    /// <summary>Makes weights of a tile of scores, and prepares o and l for them.</summary>
    /// <param name="type">Type that weights are rounded to for the product.</param>
    /// <param name="scores">For each eight keys four registers.</param>
    /// <returns>Weights as A fragments, four registers for each sixteen keys.</returns>
    public B32[][] Softmax(DType type, F32[][] scores)
    {
        Raise([Largest(scores, 0), Largest(scores, 1)]);
        F32 Weight(int tile, int register) => _b.Ex2(_b.Fma(scores[tile][register], _scale, _shifts[register / 2]), flush: true);

        // The C fragments of two neighbouring tiles are the A fragment of a step of sixteen.
        var fragments = new B32[scores.Length / 2][];
        for (var step = 0; step < fragments.Length; step++)
        {
            F32[][] weights = [.. new[] { 2 * step, (2 * step) + 1 }.Select(tile => Enumerable.Range(0, 4).Select(i => Weight(tile, i)).ToArray())];
            for (var row = 0; row < _added.Length; row++)
            {
                F32 Added(int tile) => _b.Add(weights[tile][2 * row], weights[tile][(2 * row) + 1]);
                _b.Assign(_added[row], _b.Add(_added[row], _b.Add(Added(0), Added(1))));
            }

            fragments[step] = [.. weights.SelectMany(tile => new[] { _b.PackPair(type, tile[0], tile[1]), _b.PackPair(type, tile[2], tile[3]) })];
        }

        return fragments;
    }

    /// <summary>m, the forms of l, and o: what <see cref="Merge"/> reads.</summary>
    public IEnumerable<F32> Values => [.. Maxima, .. Sums, .. Output.SelectMany(tile => tile)];

    /// <summary>A row at its end; in the four lanes that share it each has its part of o.</summary>
    /// <param name="row">0 or 1.</param>
    public SoftmaxState Row(int row)
    {
        // (−∞)·scale stays −∞: a scale here is positive.
        var maximum = _b.Mul(Maxima[row], _scale);
        F32[] output = [.. Output.SelectMany(tile => Pair(tile, row))];
        if (_added.Length == 0)
        {
            return SoftmaxState.Of(maximum, Ones![2 * row], output);
        }

        var added = _b.Add(_added[row], _b.ShuffleXor(_added[row], 1));
        added = _b.Add(added, _b.ShuffleXor(added, 2));
        return SoftmaxState.Of(maximum, Ones?[2 * row] ?? added, output, added);
    }

    /// <summary>Takes in another state of the same rows.</summary>
    /// <param name="next">Reads its numbers in the order of <see cref="Values"/>.</param>
    public void Merge(Func<F32> next)
    {
        F32[] maxima = [next(), next()];
        var (mine, others) = (new F32[2], new F32[2]);
        for (var row = 0; row < 2; row++)
        {
            var largest = _b.Max(Maxima[row], maxima[row]);
            var shift = Shift(largest);
            mine[row] = _b.Ex2(_b.Fma(Maxima[row], _scale, shift), flush: true);
            others[row] = _b.Ex2(_b.Fma(maxima[row], _scale, shift), flush: true);
            _b.Assign(Maxima[row], largest);
        }

        foreach (var (sum, row) in Sums.Select((sum, i) => (sum, i % 2)))
        {
            _b.Assign(sum, _b.Fma(sum, mine[row], _b.Mul(next(), others[row])));
        }

        foreach (var tile in Output)
        {
            for (var i = 0; i < tile.Length; i++)
            {
                _b.Assign(tile[i], _b.Fma(tile[i], mine[i / 2], _b.Mul(next(), others[i / 2])));
            }
        }
    }

    // All that is summed of a row: its forms of l, and o.
    private IEnumerable<F32> OfRow(int row) => [.. _added.Skip(row).Take(1), .. (Ones is null ? Output : [Ones, .. Output]).SelectMany(tile => Pair(tile, row))];

    private static F32[] Pair(F32[] tile, int row) => tile[(2 * row)..((2 * row) + 2)];

    private IEnumerable<F32> Sums => [.. Ones is { } ones ? new[] { ones[0], ones[2] } : [], .. _added];

    // Largest score of a row in the tile: of the lane's own, then of the four lanes that share the row.
    private F32 Largest(F32[][] scores, int row)
    {
        var largest = Pairwise([.. scores.SelectMany(tile => Pair(tile, row))]);
        largest = _b.Max(largest, _b.ShuffleXor(largest, 1));
        return _b.Max(largest, _b.ShuffleXor(largest, 2));
    }

    // Takes m anew in rows that have outgrown it; in the others everything is multiplied by 1.
    private void Raise(F32[] largest)
    {
        Pred[] grows = [.. largest.Select((found, row) => _b.Compare(Comparison.Greater, found, _b.Add(Maxima[row], _headroom)))];
        _b.If(
            _b.Any(_b.Or(grows[0], grows[1])),
            () =>
            {
                for (var row = 0; row < 2; row++)
                {
                    var maximum = _b.Select(grows[row], largest[row], Maxima[row]);
                    var shift = Shift(maximum);
                    var factor = _b.Select(grows[row], _b.Ex2(_b.Fma(Maxima[row], _scale, shift), flush: true), 1f);
                    _b.Assign(Maxima[row], maximum);
                    _b.Assign(_shifts[row], shift);
                    foreach (var value in OfRow(row))
                    {
                        _b.Assign(value, _b.Mul(value, factor));
                    }
                }
            });
    }

    // −m·scale. −∞ − (−∞) is no number; relative to 0 a weight of −∞ is 0, as it should be.
    private F32 Shift(F32 maximum) =>
        _b.Select(_b.Compare(Comparison.Equal, maximum, float.NegativeInfinity), 0f, _b.Mul(maximum, _b.Neg(_scale)));

    // By halves: no chain of dependent instructions.
    private F32 Pairwise(ReadOnlySpan<F32> values) => values.Length == 1
        ? values[0]
        : _b.Max(Pairwise(values[..(values.Length / 2)]), Pairwise(values[(values.Length / 2)..]));

    private F32[] Zeros() => [_b.Copy<F32>(0f), _b.Copy<F32>(0f), _b.Copy<F32>(0f), _b.Copy<F32>(0f)];
}
