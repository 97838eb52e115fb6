namespace Stof.Reference.Mutants;

/// <summary>One wrong line in a kernel.</summary>
/// <param name="Name">What is wrong.</param>
/// <param name="File">Path from the repository's root.</param>
/// <param name="Right">The text as it stands; it occurs once.</param>
/// <param name="Wrong">What takes its place.</param>
internal sealed record Mutant(string Name, string File, string Right, string Wrong)
{
    /// <summary>The list: blocks of four lines, <c># name</c>, <c>@ file</c>, <c>- right</c>, <c>+ wrong</c>.</summary>
    public static IReadOnlyList<Mutant> All()
    {
        var lines = System.IO.File.ReadAllLines(Path.Combine(AppContext.BaseDirectory, "mutants.txt")).Where(line => line.Length > 0).ToArray();
        var mutants = lines.Chunk(4).Select(block => new Mutant(Text(block[0], '#'), Text(block[1], '@'), Text(block[2], '-'), Text(block[3], '+'))).ToArray();
        return mutants.Select(mutant => mutant.Name).Distinct().Count() == mutants.Length ? mutants : throw new InvalidDataException("a name is given twice");
    }

    /// <summary>Writes the wrong text.</summary>
    /// <exception cref="InvalidDataException">The right text does not occur exactly once: the kernel has moved on.</exception>
    public void Apply(string root)
    {
        var path = Path.Combine(root, File);
        var text = System.IO.File.ReadAllText(path);
        var count = text.Split(Right).Length - 1;
        if (count != 1)
        {
            throw new InvalidDataException($"{Name}: '{Right}' occurs {count} times in {File}, expected once");
        }

        System.IO.File.WriteAllText(path, text.Replace(Right, Wrong, StringComparison.Ordinal));
    }

    private static string Text(string line, char mark) =>
        line[0] == mark && line[1] == ' ' ? line[2..] : throw new InvalidDataException($"'{line}': expected '{mark} '");
}
