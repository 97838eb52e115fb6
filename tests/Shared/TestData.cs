namespace Stof.Reference.Tests;

/// <summary>Finds files of the repository at run time, wherever the test assembly lies.</summary>
internal static class TestData
{
    private static readonly Lazy<string> Root = new(FindRoot);

    /// <summary>The folder of Stof.Reference.sln.</summary>
    public static string RepositoryRoot => Root.Value;

    /// <summary>A file or folder below tests/data.</summary>
    public static string Path(params string[] parts) => System.IO.Path.Combine([RepositoryRoot, "tests", "data", .. parts]);

    /// <summary>A source path as the compiler recorded it (mapped to /_/ for deterministic builds), on this machine.</summary>
    public static string Source(string callerFilePath)
    {
        const string Mapped = "/_/";
        return callerFilePath.StartsWith(Mapped, StringComparison.Ordinal)
            ? System.IO.Path.Combine(RepositoryRoot, callerFilePath[Mapped.Length..])
            : callerFilePath;
    }

    private static string FindRoot()
    {
        for (var folder = new DirectoryInfo(AppContext.BaseDirectory); folder is not null; folder = folder.Parent)
        {
            if (File.Exists(System.IO.Path.Combine(folder.FullName, "Stof.Reference.sln")))
            {
                return folder.FullName;
            }
        }

        throw new InvalidOperationException($"no Stof.Reference.sln above {AppContext.BaseDirectory}");
    }
}
