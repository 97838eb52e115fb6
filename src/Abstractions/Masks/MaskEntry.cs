namespace Stof.Reference.Masks;

/// <summary>What the catalogue knows of one pattern: what texts, help, the gallery and the tests need.</summary>
public sealed record MaskEntry
{
    /// <summary>The name in text and JSON.</summary>
    public required string Name { get; init; }

    /// <summary>The predicate in one line; p is the query's position q + offset, k the key.</summary>
    public required string Formula { get; init; }

    /// <summary>What it is for and what surprises about it, in a few sentences.</summary>
    public required string Summary { get; init; }

    /// <summary>The paper or program that the definition comes from; null where it is common knowledge or our own.</summary>
    public string? Source { get; init; }

    /// <summary>The parameters, in positional order; those that may be left out come last.</summary>
    public IReadOnlyList<MaskParameter> Parameters { get; init; } = [];

    /// <summary>Makes the pattern from its arguments.</summary>
    public required Func<MaskArguments, NamedMask> Create { get; init; }

    /// <summary>Texts that parse; the first is canonical and the one to show. Tests walk all of them.</summary>
    public required IReadOnlyList<string> Examples { get; init; }

    /// <summary>What the gallery draws.</summary>
    public required MaskSample Sample { get; init; }

    /// <summary>
    /// Why <see cref="BoundMask.Classify"/> may answer part for a rectangle that is full or empty; null where its answers are
    /// exact. Tests check every rectangle of small extents either way.
    /// </summary>
    public string? Loose { get; init; }

    /// <summary>Name and parameters, such as <c>longformer(band,global[,second])</c>.</summary>
    public string Signature
    {
        get
        {
            if (Parameters.Count == 0)
            {
                return Name;
            }

            // A comma belongs to what follows it, so that leaving out an optional parameter leaves out its comma.
            return $"{Name}({string.Concat(Parameters.Select((p, i) => $"{(p.Optional ? "[" : "")}{(i > 0 ? "," : "")}{p.Name}{(p.Optional ? "]" : "")}"))})";
        }
    }
}

/// <summary>A mask that shows its pattern well in a small picture.</summary>
/// <param name="Text">The mask.</param>
/// <param name="Queries">Sq; what the mask demands of its extent goes first.</param>
/// <param name="Keys">Skv, or null for as many as queries.</param>
public sealed record MaskSample(string Text, int Queries = 64, int? Keys = null);
