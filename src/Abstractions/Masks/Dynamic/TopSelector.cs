using Stof.Reference.Numerics;
using Stof.Reference.Tensors;

namespace Stof.Reference.Masks;

/// <summary>
/// Keeps the best of what it is offered: the highest scores, of equal ones those with the lowest indices. +0 equals −0. A score of −∞ is
/// never kept: it is how scores say that there is nothing.
/// </summary>
/// <param name="top">Most indices kept, 0 or more.</param>
internal sealed class TopSelector(int top)
{
    // The worst comes first: the lowest score, of equal ones the highest index.
    private readonly PriorityQueue<int, (double Score, int Backwards)> _best = new();

    /// <summary>Offers one index; each may be offered once, in any order.</summary>
    public void Offer(int index, double score)
    {
        if (top == 0 || double.IsNegativeInfinity(score))
        {
            return;
        }

        if (_best.Count < top)
        {
            _best.Enqueue(index, (score, -index));
        }
        else
        {
            _best.EnqueueDequeue(index, (score, -index));
        }
    }

    /// <summary>Writes what was kept, ascending, then −1, and forgets it.</summary>
    /// <param name="row">At least as many places as were kept.</param>
    public void Take(Span<int> row)
    {
        row.Fill(-1);
        var count = _best.Count;
        for (var i = 0; i < count; i++)
        {
            row[i] = _best.Dequeue();
        }

        row[..count].Sort();
    }

    /// <summary>The elements of a score tensor.</summary>
    /// <param name="scores">F32 of rank 4.</param>
    /// <param name="shape">What its shape means, for the message.</param>
    /// <exception cref="InvalidInputException">Another dtype or rank, or an element that is no number; the message gives its place.</exception>
    public static ReadOnlySpan<float> Scores(HostTensor scores, string shape)
    {
        ArgumentNullException.ThrowIfNull(scores);
        if (scores.Type != DType.F32 || scores.Rank != 4)
        {
            throw new InvalidInputException(nameof(scores), scores.ToString(), $"F32 of {shape}");
        }

        ReadOnlySpan<float> values = scores.Span<float>();
        var wrong = values.IndexOfAnyExceptInRange(float.NegativeInfinity, float.PositiveInfinity);
        return wrong < 0 ? values : throw new InvalidInputException($"scores{Place(scores.Shape, wrong)}", "NaN", "a number or an infinity");
    }

    private static string Place(ReadOnlySpan<int> shape, int element)
    {
        var place = new int[shape.Length];
        for (var i = shape.Length - 1; i >= 0; i--)
        {
            (element, place[i]) = Math.DivRem(element, shape[i]);
        }

        return HostTensor.Describe(place);
    }
}
