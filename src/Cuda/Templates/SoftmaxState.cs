using Stof.Reference.Cuda.Ptx;

namespace Stof.Reference.Cuda.Templates;

/// <summary>
/// The running state (m, l, o) of an online softmax in powers of two: the largest score, the sum of weights relative to it, and the values
/// weighed likewise. (−∞, 0, 0) is the state of no keys, and <see cref="Merge"/> is associative around it.
/// </summary>
internal sealed class SoftmaxState
{
    private readonly F32? _exactSum;

    private SoftmaxState(F32 maximum, F32 sum, F32[] output, F32? exactSum = null)
    {
        Maximum = maximum;
        Sum = sum;
        Output = output;
        _exactSum = exactSum;
    }

    /// <summary>m, times log2(e).</summary>
    public F32 Maximum { get; }

    /// <summary>l, by which o is divided.</summary>
    public F32 Sum { get; }

    /// <summary>l as LSE needs it.</summary>
    public F32 ExactSum => _exactSum ?? Sum;

    /// <summary>o, this lane's part of it.</summary>
    public F32[] Output { get; }

    /// <summary>The state of no keys, in registers of its own.</summary>
    public static SoftmaxState Start(KernelBuilder b, int floats)
    {
        var output = new F32[floats];
        for (var i = 0; i < floats; i++)
        {
            output[i] = b.Copy<F32>(0f);
        }

        return new SoftmaxState(b.Copy<F32>(float.NegativeInfinity), b.Copy<F32>(0f), output);
    }

    /// <summary>A state that stands in registers already.</summary>
    public static SoftmaxState Of(F32 maximum, F32 sum, F32[] output, F32? exactSum = null) => new(maximum, sum, output, exactSum);

    /// <summary>The same in registers of its own.</summary>
    public SoftmaxState Copied(KernelBuilder b) =>
        new(b.Copy(Maximum), b.Copy(Sum), Array.ConvertAll(Output, value => b.Copy(value)), _exactSum is { } exact ? b.Copy(exact) : null);

    /// <summary>Takes in several keys; a score of −∞ has no weight.</summary>
    public void Take(KernelBuilder b, F32[] scores, F32[][] values)
    {
        var maximum = scores.Aggregate(Maximum, (largest, score) => b.Max(largest, score));
        var reference = Finite(b, maximum);
        var rescale = b.Ex2(b.Sub(Maximum, reference));
        var weights = Array.ConvertAll(scores, score => b.Ex2(b.Sub(score, reference)));
        var sum = b.Mul(Sum, rescale);
        foreach (var weight in weights)
        {
            sum = b.Add(sum, weight);
        }

        for (var d = 0; d < Output.Length; d++)
        {
            var output = b.Mul(Output[d], rescale);
            for (var i = 0; i < weights.Length; i++)
            {
                output = b.Fma(weights[i], values[i][d], output);
            }

            b.Assign(Output[d], output);
        }

        b.Assign(Sum, sum);
        b.Assign(Maximum, maximum);
    }

    /// <summary>Adds another state: (m₁, l₁, o₁) ⊕ (m₂, l₂, o₂).</summary>
    public void Merge(KernelBuilder b, SoftmaxState other)
    {
        var maximum = b.Max(Maximum, other.Maximum);
        var reference = Finite(b, maximum);
        var mine = b.Ex2(b.Sub(Maximum, reference));
        var others = b.Ex2(b.Sub(other.Maximum, reference));
        for (var d = 0; d < Output.Length; d++)
        {
            b.Assign(Output[d], b.Fma(Output[d], mine, b.Mul(other.Output[d], others)));
        }

        b.Assign(Sum, b.Fma(Sum, mine, b.Mul(other.Sum, others)));
        b.Assign(Maximum, maximum);
    }

    /// <summary>Adds a logit without a value.</summary>
    public void AddSink(KernelBuilder b, F32 sink)
    {
        var maximum = b.Max(Maximum, sink);
        var rescale = b.Ex2(b.Sub(Maximum, maximum));
        foreach (var value in Output)
        {
            b.Assign(value, b.Mul(value, rescale));
        }

        var weight = b.Ex2(b.Sub(sink, maximum));
        b.Assign(Sum, b.Fma(Sum, rescale, weight));
        if (_exactSum is { } exact)
        {
            b.Assign(exact, b.Fma(exact, rescale, weight));
        }

        b.Assign(Maximum, maximum);
    }

    /// <summary>The state of the lane whose number differs by a power of two.</summary>
    public SoftmaxState Exchanged(KernelBuilder b, int distance) => new(
        b.ShuffleXor(Maximum, distance), b.ShuffleXor(Sum, distance), Array.ConvertAll(Output, value => b.ShuffleXor(value, distance)));

    // −∞ − (−∞) is no number; relative to 0 a weight of −∞ is 0, as it should be.
    private static F32 Finite(KernelBuilder b, F32 maximum) =>
        b.Select(b.Compare(Comparison.Equal, maximum, float.NegativeInfinity), 0f, maximum);
}
