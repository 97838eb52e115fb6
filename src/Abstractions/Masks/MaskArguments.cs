namespace Stof.Reference.Masks;

/// <summary>What kind of value a parameter takes.</summary>
public enum MaskParameterKind
{
    /// <summary>A whole number of 32 bits.</summary>
    Whole,

    /// <summary>A finite number.</summary>
    Number,

    /// <summary>A word of letters, digits and <c>_ . + -</c>.</summary>
    Word,
}

/// <summary>One parameter of a pattern.</summary>
/// <param name="Name">Its name in text and JSON.</param>
/// <param name="Kind">What kind of value it takes.</param>
/// <param name="Meaning">One line for help texts, with the unit, and the default where it may be left out.</param>
/// <param name="Optional">True if it may be left out.</param>
public sealed record MaskParameter(string Name, MaskParameterKind Kind, string Meaning, bool Optional = false);

/// <summary>The arguments of one pattern, checked against its parameters, as a catalogue entry reads them.</summary>
public sealed class MaskArguments
{
    private readonly MaskEntry _entry;
    private readonly IReadOnlyDictionary<string, object> _values;

    /// <summary>Checks names and kinds.</summary>
    /// <param name="entry">The pattern's catalogue entry.</param>
    /// <param name="values">Values by parameter name: <see cref="int"/>, <see cref="double"/> or <see cref="string"/>.</param>
    /// <exception cref="InvalidInputException">A name is unknown or missing, or a value is of the wrong kind.</exception>
    internal MaskArguments(MaskEntry entry, IReadOnlyDictionary<string, object> values)
    {
        _entry = entry;
        _values = values;
        foreach (var name in values.Keys)
        {
            if (entry.Parameters.All(p => p.Name != name))
            {
                throw new InvalidInputException($"mask {entry.Name}", $"unknown parameter '{name}'", entry.Signature);
            }
        }

        foreach (var parameter in entry.Parameters)
        {
            if (!parameter.Optional && !values.ContainsKey(parameter.Name))
            {
                throw new InvalidInputException($"mask {entry.Name}", $"no '{parameter.Name}'", entry.Signature);
            }
        }
    }

    /// <summary>A whole number that must be given.</summary>
    public int Whole(string name) => Read<int>(name, "a whole number of 32 bits");

    /// <summary>A whole number that may be left out.</summary>
    public int Whole(string name, int fallback) => _values.ContainsKey(name) ? Whole(name) : fallback;

    /// <summary>A finite number that may be left out.</summary>
    public double Number(string name, double fallback)
    {
        if (!_values.TryGetValue(name, out var value))
        {
            return fallback;
        }

        var number = value is int whole ? whole : Read<double>(name, "a finite number");
        return double.IsFinite(number) ? number : throw Wrong(name, number, "a finite number");
    }

    /// <summary>A word that must be given.</summary>
    public string Word(string name) => _values[name] is string word ? word : _values[name].ToString()!;

    /// <summary>One of a few words; may be left out.</summary>
    public string Choice(string name, ReadOnlySpan<string> choices, string fallback)
    {
        var word = _values.ContainsKey(name) ? Word(name) : fallback;
        return choices.Contains(word) ? word : throw Wrong(name, word, string.Join(" or ", choices.ToArray()));
    }

    /// <summary>Refuses parameters that have no meaning beside another one.</summary>
    public void RefuseWith(string other, params ReadOnlySpan<string> names)
    {
        foreach (var name in names)
        {
            if (_values.ContainsKey(name))
            {
                throw new InvalidInputException($"mask {_entry.Name}", $"'{name}' beside {other}", "one or the other");
            }
        }
    }

    private T Read<T>(string name, string expected) => _values[name] is T value ? value : throw Wrong(name, _values[name], expected);

    private InvalidInputException Wrong(string name, object found, string expected) =>
        new($"mask {_entry.Name}", $"{name}={found}", expected);
}
