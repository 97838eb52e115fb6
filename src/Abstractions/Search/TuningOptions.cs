using System.Globalization;

namespace Stof.Reference.Search;

/// <summary>How long a search may measure: a number of samples, a time, or whichever ends first.</summary>
/// <param name="Samples">Most measurements, or null.</param>
/// <param name="Time">Longest time, or null.</param>
public sealed record TuningBudget(int? Samples, TimeSpan? Time)
{
    /// <summary>Parses <c>200</c> (samples), <c>10s</c> or <c>2m</c>.</summary>
    /// <exception cref="InvalidInputException">The text has another form, or is not positive.</exception>
    public static TuningBudget Parse(string text)
    {
        ArgumentNullException.ThrowIfNull(text);
        var unit = text.Length > 0 && text[^1] is 's' or 'm' ? text[^1] : ' ';
        var digits = unit == ' ' ? text : text[..^1];
        if (!int.TryParse(digits, NumberStyles.None, CultureInfo.InvariantCulture, out var value) || value < 1)
        {
            throw new InvalidInputException("tuning budget", $"'{text}'", "a number of samples such as 200, or a time such as 10s or 2m");
        }

        return unit switch
        {
            's' => new TuningBudget(null, TimeSpan.FromSeconds(value)),
            'm' => new TuningBudget(null, TimeSpan.FromMinutes(value)),
            _ => new TuningBudget(value, null),
        };
    }
}

/// <summary>Options of a search.</summary>
public sealed record TuningOptions
{
    /// <summary>When to stop measuring.</summary>
    public TuningBudget Budget { get; init; } = new(200, null);

    /// <summary>Seed of the parameter samples; with equal measurements, an equal seed gives an equal plan.</summary>
    public int Seed { get; init; }

    /// <summary>Parameter sets tried for each segment before and after a move of stage 1, the default set included.</summary>
    public int SamplesPerMove { get; init; } = 3;

    /// <summary>A move is kept if it saves at least this share of the time of the segments it changes.</summary>
    public double KeepThreshold { get; init; } = 0.01;
}

/// <summary>Where a search stands.</summary>
/// <param name="Stage">1 or 2; 0 before the first measurement.</param>
/// <param name="Samples">Measurements done.</param>
/// <param name="Fraction">Share of the budget used, 0…1.</param>
/// <param name="LayerSeconds">Best sum of segment times so far.</param>
/// <param name="Message">What was tried last.</param>
public sealed record TuningProgress(int Stage, int Samples, double Fraction, double LayerSeconds, string Message);
