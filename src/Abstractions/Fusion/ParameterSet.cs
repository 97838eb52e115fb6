using System.Collections.Immutable;

namespace Stof.Reference.Fusion;

/// <summary>A tunable parameter of a template with the values a search may try; the first is the default.</summary>
/// <param name="Name">Name, such as <c>row-block</c>.</param>
/// <param name="Values">Allowed values, default first.</param>
public sealed record TunableParameter(string Name, ImmutableArray<string> Values)
{
    /// <summary>The value that leaves the choice to the kernel, which knows its shape.</summary>
    public const string Auto = "auto";

    /// <summary>A parameter with whole-number values.</summary>
    public static TunableParameter Of(string name, params ReadOnlySpan<int> values)
    {
        var texts = ImmutableArray.CreateBuilder<string>(values.Length);
        foreach (var value in values)
        {
            texts.Add($"{value}");
        }

        return new TunableParameter(name, texts.MoveToImmutable());
    }

    /// <summary>A parameter that the kernel chooses by default.</summary>
    public static TunableParameter OrAuto(string name, params ReadOnlySpan<int> values)
    {
        var numbers = Of(name, values);
        return numbers with { Values = numbers.Values.Insert(0, Auto) };
    }
}

/// <summary>One value for each parameter of a template, ordered by name.</summary>
public sealed class ParameterSet : IEquatable<ParameterSet>
{
    private readonly ImmutableSortedDictionary<string, string> _values;

    /// <summary>Keeps the values.</summary>
    public ParameterSet(IEnumerable<KeyValuePair<string, string>> values) =>
        _values = values.ToImmutableSortedDictionary(StringComparer.Ordinal);

    /// <summary>No parameters.</summary>
    public static ParameterSet Empty { get; } = new([]);

    /// <summary>Names and values, ordered by name.</summary>
    public IReadOnlyDictionary<string, string> Values => _values;

    /// <summary>The default of every parameter.</summary>
    public static ParameterSet Default(IEnumerable<TunableParameter> parameters) =>
        new(parameters.Select(p => KeyValuePair.Create(p.Name, p.Values[0])));

    /// <summary>Every combination of values, the default first.</summary>
    public static IEnumerable<ParameterSet> All(IEnumerable<TunableParameter> parameters)
    {
        IEnumerable<ImmutableList<KeyValuePair<string, string>>> sets = [[]];
        foreach (var parameter in parameters)
        {
            sets = sets.SelectMany(set => parameter.Values.Select(value => set.Add(KeyValuePair.Create(parameter.Name, value))));
        }

        return sets.Select(set => new ParameterSet(set));
    }

    /// <summary>A uniform draw.</summary>
    public static ParameterSet Sample(IEnumerable<TunableParameter> parameters, Random random) =>
        new(parameters.Select(p => KeyValuePair.Create(p.Name, p.Values[random.Next(p.Values.Length)])));

    /// <summary>The value of a parameter.</summary>
    /// <exception cref="InvalidInputException">There is no such parameter.</exception>
    public string this[string name] => _values.TryGetValue(name, out var value)
        ? value
        : throw new InvalidInputException($"parameter '{name}'", "missing", "a value");

    /// <summary>The value of a whole-number parameter.</summary>
    /// <exception cref="InvalidInputException">Missing, or not a whole number.</exception>
    public int Number(string name) => int.TryParse(this[name], out var value)
        ? value
        : throw new InvalidInputException($"parameter '{name}'", $"'{this[name]}'", "a whole number");

    /// <summary>As <see cref="Number"/>, or null where the choice is the kernel's.</summary>
    public int? NumberOrAuto(string name) => this[name] == TunableParameter.Auto ? null : Number(name);

    /// <inheritdoc/>
    public bool Equals(ParameterSet? other) => other is not null && ToString() == other.ToString();

    /// <inheritdoc/>
    public override bool Equals(object? obj) => Equals(obj as ParameterSet);

    /// <inheritdoc/>
    public override int GetHashCode() => ToString().GetHashCode(StringComparison.Ordinal);

    /// <summary>Renders as <c>bm=64 bn=64</c>.</summary>
    public override string ToString() => string.Join(' ', _values.Select(pair => $"{pair.Key}={pair.Value}"));
}
