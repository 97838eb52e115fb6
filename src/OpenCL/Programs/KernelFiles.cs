namespace Stof.Reference.OpenCL;

/// <summary>The kernel files, which travel inside the assembly.</summary>
public static class KernelFiles
{
    /// <summary>Their names.</summary>
    public static IReadOnlyList<string> Names { get; } =
        [.. typeof(KernelFiles).Assembly.GetManifestResourceNames().Where(name => name.EndsWith(".cl", StringComparison.Ordinal)).Order(StringComparer.Ordinal)];

    /// <summary>The text of a file.</summary>
    /// <exception cref="InvalidInputException">There is no such file.</exception>
    public static string Read(string name)
    {
        using var stream = typeof(KernelFiles).Assembly.GetManifestResourceStream(name)
            ?? throw new InvalidInputException("kernel file", $"'{name}'", $"one of {string.Join(", ", Names)}");
        using var reader = new StreamReader(stream);
        return reader.ReadToEnd();
    }
}
