using Stof.Reference.Cuda.Ptx;
using Stof.Reference.Numerics;

namespace Stof.Reference.Cuda.Templates;

/// <summary>
/// The online softmax of a warp's sixteen queries in the registers of its products: a lane holds two rows (l/4 and l/4 + 8), two neighbouring
/// columns of each in every tile of eight. Largest scores are shared by the four lanes of a row; sums are each lane's own until the end.
/// </summary>
internal sealed class FragmentState
{
    private readonly KernelBuilder _b;

    public FragmentState(KernelBuilder builder, int outputTiles)
    {
        _b = builder;
        Maxima = [builder.Copy<F32>(float.NegativeInfinity), builder.Copy<F32>(float.NegativeInfinity)];
        Sums = [builder.Copy<F32>(0f), builder.Copy<F32>(0f)];
        Output = new F32[outputTiles][];
        for (var tile = 0; tile < outputTiles; tile++)
        {
            Output[tile] = [builder.Copy<F32>(0f), builder.Copy<F32>(0f), builder.Copy<F32>(0f), builder.Copy<F32>(0f)];
        }
    }

    /// <summary>m of the two rows, in units of the scores.</summary>
    public F32[] Maxima { get; }

    /// <summary>This lane's share of l of the two rows.</summary>
    public F32[] Sums { get; }

    /// <summary>o: for each eight values four registers.</summary>
    public F32[][] Output { get; }

    /// <summary>Takes in a tile of scores.</summary>
    /// <param name="type">Type that weights are rounded to for the product.</param>
    /// <param name="scores">For each eight keys four registers.</param>
    /// <param name="scale">What makes powers of two of scores; positive.</param>
    /// <returns>Weights as A fragments, four registers for each sixteen keys.</returns>
    public B32[][] Softmax(DType type, F32[][] scores, F32 scale)
    {
        var weights = new F32[scores.Length][];
        for (var tile = 0; tile < scores.Length; tile++)
        {
            weights[tile] = new F32[4];
        }

        for (var row = 0; row < 2; row++)
        {
            var largest = _b.Max(Maxima[row], Pairwise([.. scores.SelectMany(tile => tile[(2 * row)..((2 * row) + 2)])], (x, y) => _b.Max(x, y)));
            largest = _b.Max(largest, _b.ShuffleXor(largest, 1));
            largest = _b.Max(largest, _b.ShuffleXor(largest, 2));
            var reference = Reference(largest, scale);
            var rescale = _b.Ex2(_b.Fma(Maxima[row], scale, reference), flush: true);
            for (var tile = 0; tile < scores.Length; tile++)
            {
                for (var i = 2 * row; i < (2 * row) + 2; i++)
                {
                    weights[tile][i] = _b.Ex2(_b.Fma(scores[tile][i], scale, reference), flush: true);
                }
            }

            foreach (var tile in Output)
            {
                _b.Assign(tile[2 * row], _b.Mul(tile[2 * row], rescale));
                _b.Assign(tile[(2 * row) + 1], _b.Mul(tile[(2 * row) + 1], rescale));
            }

            _b.Assign(Sums[row], _b.Fma(Sums[row], rescale, Pairwise([.. weights.SelectMany(tile => tile[(2 * row)..((2 * row) + 2)])], (x, y) => _b.Add(x, y))));
            _b.Assign(Maxima[row], largest);
        }

        // The C fragments of two neighbouring tiles are the A fragment of a step of sixteen.
        var fragments = new B32[weights.Length / 2][];
        for (var step = 0; step < fragments.Length; step++)
        {
            var (left, right) = (weights[2 * step], weights[(2 * step) + 1]);
            fragments[step] = [_b.PackPair(type, left[0], left[1]), _b.PackPair(type, left[2], left[3]), _b.PackPair(type, right[0], right[1]), _b.PackPair(type, right[2], right[3])];
        }

        return fragments;
    }

    /// <summary>Takes in another state of the same rows.</summary>
    /// <param name="scale">What makes powers of two of scores; positive.</param>
    /// <param name="next">Reads its numbers: m of both rows, l of both rows, o.</param>
    public void Merge(F32 scale, Func<F32> next)
    {
        F32[] maxima = [next(), next()];
        var (mine, others) = (new F32[2], new F32[2]);
        for (var row = 0; row < 2; row++)
        {
            var largest = _b.Max(Maxima[row], maxima[row]);
            var reference = Reference(largest, scale);
            mine[row] = _b.Ex2(_b.Fma(Maxima[row], scale, reference), flush: true);
            others[row] = _b.Ex2(_b.Fma(maxima[row], scale, reference), flush: true);
            _b.Assign(Maxima[row], largest);
        }

        for (var row = 0; row < 2; row++)
        {
            _b.Assign(Sums[row], _b.Fma(Sums[row], mine[row], _b.Mul(next(), others[row])));
        }

        foreach (var tile in Output)
        {
            for (var i = 0; i < tile.Length; i++)
            {
                _b.Assign(tile[i], _b.Fma(tile[i], mine[i / 2], _b.Mul(next(), others[i / 2])));
            }
        }
    }

    // −∞ − (−∞) is no number; relative to 0 a weight of −∞ is 0, as it should be.
    private F32 Reference(F32 largest, F32 scale) =>
        _b.Select(_b.Compare(Comparison.Equal, largest, float.NegativeInfinity), 0f, _b.Mul(largest, _b.Neg(scale)));

    // By halves: no chain of dependent instructions, and a sum errs less.
    private static F32 Pairwise(ReadOnlySpan<F32> values, Func<F32, F32, F32> combine) => values.Length == 1
        ? values[0]
        : combine(Pairwise(values[..(values.Length / 2)], combine), Pairwise(values[(values.Length / 2)..], combine));
}
