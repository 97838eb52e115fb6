using System.Text;

namespace Stof.Reference.Interchange;

/// <summary>
/// Writes a file so that a reader sees the old content or the new content and nothing in between: the bytes go to a temporary
/// file in the same folder, are flushed to the disk, and the file is then renamed over the target. Devices below /dev are written
/// to directly.
/// </summary>
public static class AtomicFile
{
    private static readonly UTF8Encoding Utf8 = new(encoderShouldEmitUTF8Identifier: false);

    /// <summary>Runs <paramref name="write"/> on a temporary file and renames it to <paramref name="path"/>.</summary>
    /// <param name="path">The target; an existing file is replaced, a symbolic link is followed.</param>
    /// <param name="write">Writes the content. If it throws, the target is untouched and the temporary file is removed.</param>
    /// <exception cref="InvalidInputException">
    /// The target is a folder, its folder is missing, or it may not be written.
    /// </exception>
    public static void Write(string path, Action<Stream> write)
    {
        ArgumentNullException.ThrowIfNull(write);
        if (IsDevice(path))
        {
            using var device = new FileStream(path, FileMode.Open, FileAccess.Write, FileShare.ReadWrite);
            write(device);
            return;
        }

        var target = Target(path);
        var folder = Path.GetDirectoryName(target)!;
        var temporary = Path.Combine(folder, $".{Path.GetFileName(target)}.{Guid.NewGuid():N}.tmp");
        try
        {
            using (var stream = Create(temporary, path))
            {
                write(stream);
                stream.Flush(flushToDisk: true);
            }

            File.Move(temporary, target, overwrite: true);
        }
        finally
        {
            // After the rename there is nothing left under this name, and deleting nothing is not an error.
            File.Delete(temporary);
        }
    }

    /// <summary>Writes text as UTF-8 without a byte order mark.</summary>
    /// <inheritdoc cref="Write(string, Action{Stream})" path="/exception"/>
    public static void WriteText(string path, string text) => Write(path, stream => stream.Write(Utf8.GetBytes(text)));

    // /dev/null and /dev/stdout are written to; renaming a file over them would break them for everybody.
    private static bool IsDevice(string path) =>
        OperatingSystem.IsLinux()
        && path is not null
        && (path.StartsWith("/dev/", StringComparison.Ordinal) || path.StartsWith("/proc/", StringComparison.Ordinal))
        && File.Exists(path);

    private static string Target(string path)
    {
        if (string.IsNullOrEmpty(path) || path.Contains('\0', StringComparison.Ordinal))
        {
            throw new InvalidInputException("output file", $"'{path}'", "a path");
        }

        var target = Path.GetFullPath(path);
        if (new FileInfo(target).LinkTarget is not null)
        {
            target = File.ResolveLinkTarget(target, returnFinalTarget: true)!.FullName;
        }

        if (Directory.Exists(target) || Path.EndsInDirectorySeparator(target))
        {
            throw new InvalidInputException(path, "a folder", "the name of a file to write");
        }

        return Directory.Exists(Path.GetDirectoryName(target))
            ? target
            : throw new InvalidInputException(path, "its folder does not exist", "a file in an existing folder");
    }

    private static FileStream Create(string temporary, string path)
    {
        try
        {
            return new FileStream(temporary, FileMode.CreateNew, FileAccess.Write, FileShare.None);
        }
        catch (UnauthorizedAccessException exception)
        {
            throw new InvalidInputException(path, "its folder may not be written", "a file in a writable folder", exception);
        }
    }
}
