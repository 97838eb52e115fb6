using Stof.Reference.Numerics;
using Stof.Reference.Tensors;

namespace Stof.Reference.Tests;

/// <summary>
/// The three families of inputs: narrow or all-positive inputs hide real bugs, so every comparison runs on more than one.
/// </summary>
public enum InputFamily
{
    /// <summary>N(0,1).</summary>
    UnitNormal,

    /// <summary>N(0,1), one value in a hundred times 20.</summary>
    Outliers,

    /// <summary>N(0,3): softmax becomes peaked.</summary>
    Wide,
}

/// <summary>Reproducible inputs. A test that draws from here puts the seed in its failure message.</summary>
internal static class Seeded
{
    /// <summary>All families.</summary>
    public static readonly InputFamily[] Families = [InputFamily.UnitNormal, InputFamily.Outliers, InputFamily.Wide];

    /// <summary>Lengths on both sides of every tile edge that a kernel could have, and the smallest ones.</summary>
    public static readonly int[] EdgeLengths = [1, 2, 3, 7, 8, 9, 15, 16, 17, 31, 32, 33, 63, 64, 65, 95, 127, 128, 129];

    /// <summary>
    /// Lengths from <see cref="EdgeLengths"/> that are at most <paramref name="maximum"/>, or anything from 1 to there.
    /// </summary>
    public static int Length(Random random, int maximum)
    {
        if (random.Next(2) == 0)
        {
            return random.Next(1, maximum + 1);
        }

        var fitting = EdgeLengths.Count(length => length <= maximum);
        return EdgeLengths[random.Next(fitting)];
    }

    /// <summary>One sample of N(0,1), by the polar method of Marsaglia.</summary>
    public static double Normal(Random random)
    {
        while (true)
        {
            var x = (2 * random.NextDouble()) - 1;
            var y = (2 * random.NextDouble()) - 1;
            var square = (x * x) + (y * y);
            if (square is > 0 and < 1)
            {
                return x * Math.Sqrt(-2 * Math.Log(square) / square);
            }
        }
    }

    /// <summary>One sample of a family.</summary>
    public static double Sample(Random random, InputFamily family) => family switch
    {
        InputFamily.UnitNormal => Normal(random),
        InputFamily.Outliers => Normal(random) * (random.Next(100) == 0 ? 20 : 1),
        _ => Normal(random) * 3,
    };

    /// <summary>Samples of a family.</summary>
    public static double[] Values(Random random, int count, InputFamily family = InputFamily.UnitNormal)
    {
        var values = new double[count];
        for (var i = 0; i < count; i++)
        {
            values[i] = Sample(random, family);
        }

        return values;
    }

    /// <summary>A tensor of samples, rounded once to its dtype.</summary>
    public static HostTensor Tensor(Random random, DType type, InputFamily family, params ReadOnlySpan<int> shape)
    {
        var wide = HostTensor.Uninitialized(DType.F64, shape);
        Values(random, wide.Count, family).CopyTo(wide.Span<double>());
        return wide.To(type);
    }

    /// <summary>A tensor of N(0,1).</summary>
    public static HostTensor Tensor(Random random, DType type, params ReadOnlySpan<int> shape) =>
        Tensor(random, type, InputFamily.UnitNormal, shape);
}
