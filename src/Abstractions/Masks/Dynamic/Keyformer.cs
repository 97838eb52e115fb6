using Stof.Reference.Tensors;

namespace Stof.Reference.Masks;

/// <summary>
/// Keyformer's policy of which keys leave the cache (Adnan et al. 2024), step by step from the logits of attention. Each step adds to the
/// score of every key that is still there
/// <code>score(j) += Σ_queries softmax_j((logit + ζ)/τ),   τ = τ_init + step·Δτ,   ζ from Gumbel(0, 1)</code>
/// and then keeps ⌊prompt·kv%⌋ keys per head: the ⌊budget·recent%⌋ latest, and of those before them the ones with the highest scores, of
/// equal scores the earliest. What leaves never comes back. The prompt is step 0, all its queries see it causally; each further step is
/// one generated token, which sees what was kept and itself. Attention itself uses the softmax without noise and temperature on those
/// keys: it is <see cref="Mask"/>'s matter, not this class's.
/// <para>
/// Pinned by the public code: the sums, τ, the two floors, that selection is among keys outside the recent window and that a mask only
/// shrinks. Our reading: a score per sequence (the code's sum over the batch is <see cref="KeyformerOptions.ShareAcrossBatch"/>), the tie
/// rule, and that ζ is Gumbel noise for every pair of query and key. By the formula a budget of the whole prompt drops nothing for the
/// prompt and the first generated token, and then one key a token.
/// </para>
/// <para>
/// Sums are in double precision in a fixed order; noise is the same everywhere (<see cref="GumbelNoise"/>), while
/// <see cref="Math.Exp(double)"/> may differ in its last bit between platforms, which can only matter between scores that agree to about
/// fifteen digits.
/// </para>
/// </summary>
public sealed class Keyformer
{
    /// <summary>What <see cref="DiscardMask.Until"/> holds for a key that is still in the cache.</summary>
    public const int Never = int.MaxValue;

    private readonly KeyformerOptions _options;
    private readonly int _batch;
    private readonly int _heads;

    // One list per head, and per batch item where these have their own.
    private readonly List<double>[] _scores;
    private readonly List<int>[] _until;
    private int _step;

    /// <summary>Starts with an empty cache.</summary>
    /// <param name="options">Sizes and constants.</param>
    /// <param name="batch">Batch items, 1 or more.</param>
    /// <param name="heads">Heads, 1 or more.</param>
    /// <exception cref="InvalidInputException">A value is out of range.</exception>
    public Keyformer(KeyformerOptions options, int batch, int heads)
    {
        ArgumentNullException.ThrowIfNull(options);
        _options = options.Validated();
        _batch = batch >= 1 ? batch : throw new InvalidInputException(nameof(batch), $"{batch}", "1 or more");
        _heads = heads >= 1 ? heads : throw new InvalidInputException(nameof(heads), $"{heads}", "1 or more");
        var slices = (options.ShareAcrossBatch ? 1 : batch) * heads;
        _scores = [.. Enumerable.Range(0, slices).Select(_ => new List<double>())];
        _until = [.. Enumerable.Range(0, slices).Select(_ => new List<int>())];
    }

    /// <summary>Positions observed so far.</summary>
    public int Length { get; private set; }

    /// <summary>Keys that stay in the cache after a step; 0 before the prompt.</summary>
    public int Budget { get; private set; }

    /// <summary>How many of them are the latest ones.</summary>
    public int Recent { get; private set; }

    /// <summary>Adds the scores of one step and drops what no longer fits.</summary>
    /// <param name="logits">
    /// [B, H, n, t], any floating-point dtype: what the softmax of attention takes (scaled, with bias), for the n positions not observed
    /// before and all t positions up to the last of them. The first call is the prompt, n = t ≥ 1; further calls have n = 1. Keys after a
    /// query and keys that are gone are not read. −∞ is a weight of 0.
    /// </param>
    /// <exception cref="InvalidInputException">
    /// Another shape or dtype, or a logit that is read is NaN or +∞; nothing was changed then.
    /// </exception>
    public void Observe(HostTensor logits)
    {
        ArgumentNullException.ThrowIfNull(logits);
        var fresh = logits.Rank == 4 ? logits.Shape[2] : 0;
        if (fresh < 1 || (Length > 0 && fresh > 1) || !logits.HasShape(_batch, _heads, fresh, Length + fresh))
        {
            throw new InvalidInputException(
                nameof(logits), $"{logits}", Length == 0 ? $"[{_batch}, {_heads}, n, n], the prompt" : $"[{_batch}, {_heads}, 1, {Length + 1}]");
        }

        var values = logits.ToDoubles();
        var total = Length + fresh;
        RequireNumbers(values, fresh, total);
        foreach (var slice in Enumerable.Range(0, _scores.Length))
        {
            _scores[slice].AddRange(Enumerable.Repeat(0.0, fresh));
            _until[slice].AddRange(Enumerable.Repeat(Never, fresh));
        }

        var weights = new double[total];
        for (var row = 0; row < _batch * _heads * fresh; row++)
        {
            var (item, query) = Math.DivRem(row, fresh);
            AddProbabilities(item / _heads, item % _heads, Length + query, values.AsSpan(row * total, total), weights);
        }

        if (Length == 0)
        {
            Budget = (int)Math.Floor(total * _options.CacheShare);
            Recent = (int)Math.Floor(Budget * _options.RecentShare);
        }

        Length = total;
        _step++;
        foreach (var slice in Enumerable.Range(0, _scores.Length))
        {
            Drop(_scores[slice], _until[slice]);
        }
    }

    /// <summary>Which positions saw which keys, and what the next position sees: its keys are the positions observed so far.</summary>
    public DiscardMask Mask() => DiscardMask.From(Stacked<int>(_until));

    /// <summary>The accumulated scores, F64 [B or 1, H, <see cref="Length"/>]; that of a dropped key stays what it was.</summary>
    public HostTensor Scores() => Stacked<double>(_scores);

    private int SliceOf(int batch, int head) => ((_options.ShareAcrossBatch ? 0 : batch) * _heads) + head;

    private HostTensor Stacked<T>(IEnumerable<List<T>> slices)
        where T : unmanaged => HostTensor.From<T>([.. slices.SelectMany(slice => slice)], _options.ShareAcrossBatch ? 1 : _batch, _heads, Length);

    private void RequireNumbers(double[] values, int fresh, int total)
    {
        for (var i = 0; i < values.Length; i++)
        {
            var (row, key) = Math.DivRem(i, total);
            var (item, query) = Math.DivRem(row, fresh);
            var read = key >= Length ? key <= Length + query : _until[SliceOf(item / _heads, item % _heads)][key] == Never;
            if (read && !(values[i] < double.PositiveInfinity))
            {
                throw new InvalidInputException(
                    $"logits[{item / _heads}, {item % _heads}, {query}, {key}]", $"{values[i]}", "a finite number or minus infinity");
            }
        }
    }

    private void AddProbabilities(int batch, int head, int position, ReadOnlySpan<double> logits, double[] weights)
    {
        var (scores, until) = (_scores[SliceOf(batch, head)], _until[SliceOf(batch, head)]);
        var seen = weights.AsSpan(0, position + 1);
        seen.Clear();
        if (_options.Seed is { } seed)
        {
            GumbelNoise.Fill(seed, batch, head, position, seen);
        }

        var temperature = _options.InitialTemperature + (_step * _options.TemperatureStep);
        var largest = double.NegativeInfinity;
        for (var j = 0; j <= position; j++)
        {
            seen[j] = until[j] == Never ? (logits[j] + seen[j]) / temperature : double.NegativeInfinity;
            largest = Math.Max(largest, seen[j]);
        }

        if (double.IsNegativeInfinity(largest))
        {
            return;
        }

        var sum = 0.0;
        for (var j = 0; j <= position; j++)
        {
            seen[j] = Math.Exp(seen[j] - largest);
            sum += seen[j];
        }

        for (var j = 0; j <= position; j++)
        {
            scores[j] += seen[j] / sum;
        }
    }

    private void Drop(List<double> scores, List<int> until)
    {
        // The recent window was never dropped from: what is in it was in it since it came.
        var window = Length - Recent;
        var selector = new TopSelector(Budget - Recent);
        for (var key = 0; key < window; key++)
        {
            if (until[key] == Never)
            {
                selector.Offer(key, scores[key]);
            }
        }

        var kept = new int[Budget - Recent];
        selector.Take(kept);
        for (var (key, next) = (0, 0); key < window; key++)
        {
            if (next < kept.Length && kept[next] == key)
            {
                next++;
            }
            else if (until[key] == Never)
            {
                until[key] = Length;
            }
        }
    }
}
