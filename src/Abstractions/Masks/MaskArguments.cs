using System.Buffers.Text;
using System.Globalization;
using System.Runtime.InteropServices;

namespace Stof.Reference.Masks;

/// <summary>The arguments of one pattern, checked against its parameters, as a catalogue entry reads them.</summary>
public sealed class MaskArguments
{
    private readonly MaskEntry _entry;
    private readonly IReadOnlyDictionary<string, object> _values;

    /// <summary>Checks names.</summary>
    /// <param name="entry">The pattern's catalogue entry.</param>
    /// <param name="values">
    /// Values by parameter name: <see cref="int"/>, <see cref="double"/>, <see cref="string"/>, <see cref="MaskPattern"/> or a list of such,
    /// as <see cref="MaskParameter.Kind"/> says.
    /// </param>
    /// <exception cref="InvalidInputException">A name is unknown or missing.</exception>
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

    /// <summary>True if the parameter was given.</summary>
    public bool Has(string name) => _values.ContainsKey(name);

    /// <summary>A whole number that must be given.</summary>
    public int Whole(string name) => (int)_values[name];

    /// <summary>A whole number that may be left out.</summary>
    public int Whole(string name, int fallback) => Has(name) ? Whole(name) : fallback;

    /// <summary>A finite number that may be left out.</summary>
    public double Number(string name, double fallback) => Has(name) ? (double)_values[name] : fallback;

    /// <summary>A word that must be given.</summary>
    public string Word(string name) => (string)_values[name];

    /// <summary>One of a few words; may be left out.</summary>
    /// <exception cref="InvalidInputException">Another word.</exception>
    public string Choice(string name, ReadOnlySpan<string> choices, string fallback)
    {
        var word = Has(name) ? Word(name) : fallback;
        return choices.Contains(word) ? word : throw Wrong(name, word, string.Join(" or ", choices.ToArray()));
    }

    /// <summary>A pattern.</summary>
    public MaskPattern Pattern(string name) => (MaskPattern)_values[name];

    /// <summary>One or more patterns.</summary>
    public IReadOnlyList<MaskPattern> Patterns(string name) => (IReadOnlyList<MaskPattern>)_values[name];

    /// <summary>Whole numbers joined by +, such as <c>20+5+40</c>.</summary>
    /// <exception cref="InvalidInputException">Something between them is no whole number of 32 bits.</exception>
    public int[] Wholes(string name)
    {
        var text = Word(name);
        var parts = text.Split('+');
        var values = new int[parts.Length];
        for (var i = 0; i < parts.Length; i++)
        {
            if (!int.TryParse(parts[i], NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture, out values[i]))
            {
                throw Wrong(name, Shortened(text), "whole numbers joined by +, such as 20+5+40");
            }
        }

        return values;
    }

    /// <summary>An array shape joined by x, such as <c>2x1x64x64</c>.</summary>
    /// <exception cref="InvalidInputException">Another number of extents, or one that is no whole number of 0 or more.</exception>
    public int[] Shape(string name, params ReadOnlySpan<int> ranks)
    {
        var text = Word(name);
        var parts = text.Split('x');
        var shape = new int[parts.Length];
        var valid = ranks.Contains(parts.Length);
        for (var i = 0; valid && i < parts.Length; i++)
        {
            valid = int.TryParse(parts[i], NumberStyles.None, CultureInfo.InvariantCulture, out shape[i]);
        }

        return valid ? shape : throw Wrong(name, Shortened(text), $"{string.Join(" or ", ranks.ToArray())} whole numbers joined by x");
    }

    /// <summary>Bytes in base64url without padding.</summary>
    /// <exception cref="InvalidInputException">Other characters, or a length that no bytes have.</exception>
    public byte[] Bytes(string name)
    {
        try
        {
            return Base64Url.DecodeFromChars(Word(name));
        }
        catch (FormatException exception)
        {
            throw new InvalidInputException($"mask {_entry.Name} {name}", "characters that are not base64url", "A-Z, a-z, 0-9, - and _", exception);
        }
    }

    /// <summary>Little-endian 32-bit whole numbers in base64url, an exact number of them.</summary>
    /// <exception cref="InvalidInputException">The characters are not base64url, or there are more or fewer numbers.</exception>
    public int[] PackedWholes(string name, long count)
    {
        var bytes = Bytes(name);
        return bytes.LongLength == count * sizeof(int)
            ? MemoryMarshal.Cast<byte, int>(bytes).ToArray()
            : throw new InvalidInputException($"mask {_entry.Name} {name}", $"{bytes.Length} bytes", $"{count * sizeof(int)}, four for each of {count} numbers");
    }

    /// <summary>Refuses parameters that have no meaning beside another one.</summary>
    /// <exception cref="InvalidInputException">One of them was given.</exception>
    public void RefuseWith(string other, params ReadOnlySpan<string> names)
    {
        foreach (var name in names)
        {
            if (Has(name))
            {
                throw new InvalidInputException($"mask {_entry.Name}", $"'{name}' beside {other}", "one or the other");
            }
        }
    }

    private static string Shortened(string text) => text.Length <= 60 ? text : text[..57] + "...";

    private InvalidInputException Wrong(string name, string found, string expected) =>
        new($"mask {_entry.Name}", $"{name}={found}", expected);
}
