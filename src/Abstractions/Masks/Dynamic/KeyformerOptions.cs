namespace Stof.Reference.Masks;

/// <summary>Sizes and constants of <see cref="Keyformer"/>.</summary>
public sealed record KeyformerOptions
{
    /// <summary>kv%: the cache's share of the prompt, 0 to 1. The budget is ⌊prompt·share⌋ keys, the product rounded as doubles are.</summary>
    public required double CacheShare { get; init; }

    /// <summary>recent%: the recent window's share of the budget, 0 to 1. The window is ⌊budget·share⌋ keys.</summary>
    public required double RecentShare { get; init; }

    /// <summary>τ_init, above 0; the public code's default is 1.</summary>
    public double InitialTemperature { get; init; } = 1.0;

    /// <summary>Δτ, 0 or more, added once per generated token; the public code's default is 0.01.</summary>
    public double TemperatureStep { get; init; } = 0.01;

    /// <summary>Seed of <see cref="GumbelNoise"/>; null for no noise.</summary>
    public int? Seed { get; init; }

    /// <summary>
    /// True to add up the scores of all batch items, which then share one mask, as the public code does; false, the default, for a mask per item.
    /// </summary>
    public bool ShareAcrossBatch { get; init; }

    /// <summary>Checks the values.</summary>
    /// <returns>These options.</returns>
    /// <exception cref="InvalidInputException">One is out of range.</exception>
    public KeyformerOptions Validated()
    {
        Require(nameof(CacheShare), CacheShare, CacheShare is >= 0 and <= 1, "0 to 1");
        Require(nameof(RecentShare), RecentShare, RecentShare is >= 0 and <= 1, "0 to 1");
        Require(nameof(InitialTemperature), InitialTemperature, InitialTemperature is > 0 and < double.PositiveInfinity, "a finite number above 0");
        Require(nameof(TemperatureStep), TemperatureStep, TemperatureStep is >= 0 and < double.PositiveInfinity, "a finite number of 0 or more");
        return this;
    }

    private static void Require(string name, double value, bool valid, string expected)
    {
        if (!valid)
        {
            throw new InvalidInputException(name, $"{value}", expected);
        }
    }
}
