using Stof.Reference.Numerics;
using Stof.Reference.Tensors;

namespace Stof.Reference.Interchange;

/// <summary>
/// What the readers of this folder share: opening, exact reads, and refusals that name file, finding and byte offset.
/// </summary>
internal static class InputFile
{
    /// <summary>Opens a file for reading.</summary>
    /// <exception cref="InvalidInputException">There is no such file, or it may not be read.</exception>
    public static FileStream Open(string path)
    {
        if (Directory.Exists(path))
        {
            throw new InvalidInputException(path, "a folder", "a file");
        }

        FileStream stream;
        try
        {
            stream = new FileStream(path, FileMode.Open, FileAccess.Read, FileShare.Read);
        }
        catch (Exception exception) when (exception is IOException or UnauthorizedAccessException or ArgumentException)
        {
            var found = File.Exists(path) ? "cannot be read" : "no such file";
            throw new InvalidInputException(path, found, "a readable file", exception);
        }

        if (stream.CanSeek)
        {
            return stream;
        }

        stream.Dispose();
        throw new InvalidInputException(path, "a pipe or device", "a file, whose length is known before it is read");
    }

    /// <summary>A refusal of something at a byte offset.</summary>
    public static InvalidInputException Refuse(string file, string found, long offset, string expected) =>
        new(file, $"{found} at byte {offset}", expected);

    /// <summary>Fills <paramref name="destination"/> from the stream.</summary>
    /// <exception cref="InvalidInputException">The stream ends before.</exception>
    public static void ReadExactly(Stream stream, Span<byte> destination, string file, string what, long offset)
    {
        var got = stream.ReadAtLeast(destination, destination.Length, throwOnEndOfStream: false);
        if (got < destination.Length)
        {
            throw Refuse(file, $"{what} ends after {got} of {destination.Length} bytes", offset + got, "the whole of it");
        }
    }

    /// <summary>Allocates a tensor whose size has been compared with the file's, naming the file where it cannot be.</summary>
    /// <exception cref="InvalidInputException">
    /// A tensor of 2 GiB or more, or of no elements but an extent product beyond.
    /// </exception>
    public static HostTensor Allocate(DType type, ReadOnlySpan<int> shape, string file, long offset)
    {
        try
        {
            return HostTensor.Uninitialized(type, shape);
        }
        catch (InvalidInputException exception)
        {
            throw new InvalidInputException(
                file, $"{type}{HostTensor.Describe(shape)} with data at byte {offset}", "a tensor of less than 2 GiB", exception);
        }
    }

    /// <summary>
    /// Refuses bytes other than 0 and 1 in a boolean tensor: any other value would make a <see cref="bool"/> that is neither.
    /// </summary>
    public static void RequireBooleans(HostTensor tensor, string file, long offset)
    {
        if (tensor.Type != DType.Bool)
        {
            return;
        }

        var bytes = tensor.Bytes;
        var bad = bytes.IndexOfAnyExceptInRange((byte)0, (byte)1);
        if (bad >= 0)
        {
            throw Refuse(file, $"boolean with value {bytes[bad]}", offset + bad, "0 or 1");
        }
    }

    /// <summary>Text from a file, made fit for a one-line message: short, without control characters.</summary>
    public static string Plain(string text)
    {
        var kept = text.Length <= 60 ? text : text[..60] + "...";
        return string.Concat(kept.Select(c => char.IsControl(c) || char.IsSurrogate(c) || c is '\u2028' or '\u2029' ? '?' : c));
    }

    /// <summary>As <see cref="Plain"/>, in quotes.</summary>
    public static string Quote(string text) => $"'{Plain(text)}'";
}
