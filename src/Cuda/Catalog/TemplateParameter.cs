namespace Stof.Reference.Cuda.Catalog;

/// <summary>A number that a template is built with.</summary>
/// <param name="Name">Name on the command line.</param>
/// <param name="Default">Its value if none is given.</param>
/// <param name="Minimum">Least value.</param>
/// <param name="Maximum">Greatest value.</param>
/// <param name="Summary">What it says, in a few words.</param>
public sealed record TemplateParameter(string Name, int Default, int Minimum, int Maximum, string Summary);

/// <summary>The values of a template's parameters.</summary>
public sealed class TemplateValues
{
    private readonly Dictionary<string, int> _values;

    internal TemplateValues(Dictionary<string, int> values) => _values = values;

    /// <summary>The value of a parameter.</summary>
    /// <exception cref="KeyNotFoundException">The template has no such parameter.</exception>
    public int this[string name] => _values[name];

    /// <summary>Names and values in the order of the template.</summary>
    public IEnumerable<KeyValuePair<string, int>> All => _values;
}
