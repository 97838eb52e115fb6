using System.Security.Cryptography;

namespace Stof.Reference.Cuda.Driver;

/// <summary>Where an image that did not build is kept for whoever has to find out why.</summary>
internal static class KeptImage
{
    /// <summary>The folder, below the system's for temporary files.</summary>
    public static string Folder => Path.Combine(Path.GetTempPath(), "stof-ptx");

    /// <summary>Writes the image; the same image goes to the same file.</summary>
    /// <returns>The file, or null and the reason.</returns>
    public static (string? File, string Failure) Write(ReadOnlySpan<byte> image, string name, string extension)
    {
        var safe = string.Concat(name.Select(letter => char.IsAsciiLetterOrDigit(letter) || letter is '-' or '_' or '.' ? letter : '_'));
        var hash = Convert.ToHexStringLower(SHA256.HashData(image))[..16];
        var file = Path.Combine(Folder, $"{safe[..Math.Min(safe.Length, 80)]}-{hash}.{extension}");
        try
        {
            Directory.CreateDirectory(Folder);
            File.WriteAllBytes(file, image);
            return (file, "");
        }
        catch (Exception exception) when (exception is IOException or UnauthorizedAccessException)
        {
            return (null, exception.Message);
        }
    }
}
