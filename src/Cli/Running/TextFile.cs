namespace Stof.Reference.Cli.Running;

/// <summary>Reads a text file that a user named.</summary>
internal static class TextFile
{
    /// <summary>The whole text.</summary>
    /// <exception cref="InvalidInputException">There is no such file, or it cannot be read.</exception>
    public static string Read(string path)
    {
        try
        {
            return File.ReadAllText(path);
        }
        catch (Exception exception) when (exception is IOException or UnauthorizedAccessException)
        {
            throw new InvalidInputException(path, File.Exists(path) ? "cannot be read" : "no such file", "a readable file", exception);
        }
    }
}
