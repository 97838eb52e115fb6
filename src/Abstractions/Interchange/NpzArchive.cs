using System.IO.Compression;
using Stof.Reference.Tensors;

namespace Stof.Reference.Interchange;

/// <summary>
/// NumPy's archives of arrays (<c>.npz</c>): zip files whose members are npy arrays, stored or deflated. Names are given without
/// the <c>.npy</c> suffix. Memory: at most 1,000 times the file's size times two (a member that claims to grow more is refused
/// before anything is allocated), plus one copy of the largest member; at most 4,096 members.
/// </summary>
public static class NpzArchive
{
    private const string Suffix = ".npy";

    // The earliest date that a zip archive can hold: equal tensors give equal bytes on every day.
    private static readonly DateTimeOffset Epoch = new(1980, 1, 1, 0, 0, 0, TimeSpan.Zero);

    /// <summary>Reads all arrays, in the order of the file.</summary>
    /// <exception cref="InvalidInputException">
    /// The file is missing, malformed or damaged; the message names member and byte.
    /// </exception>
    public static IReadOnlyDictionary<string, HostTensor> Read(string path)
    {
        using var stream = InputFile.Open(path);
        return Read(stream, path);
    }

    /// <summary>Reads all arrays of an archive held by a seekable stream.</summary>
    /// <param name="stream">Holds the archive and nothing else.</param>
    /// <param name="name">What messages call it.</param>
    /// <inheritdoc cref="Read(string)" path="/exception"/>
    public static IReadOnlyDictionary<string, HostTensor> Read(Stream stream, string name)
    {
        ArgumentNullException.ThrowIfNull(stream);
        var zip = new ZipReader(stream, name);
        var keys = Keys(zip, name);
        var tensors = new OrderedDictionary<string, HostTensor>(StringComparer.Ordinal);
        for (var i = 0; i < keys.Length; i++)
        {
            tensors.Add(keys[i], ReadMember(zip, zip.Members[i], name));
        }

        return tensors;
    }

    /// <summary>Reads one array; the others are not decompressed.</summary>
    /// <exception cref="InvalidInputException">As for <see cref="Read(string)"/>, or there is no array of this name.</exception>
    public static HostTensor Read(string path, string key)
    {
        using var stream = InputFile.Open(path);
        var zip = new ZipReader(stream, path);
        var keys = Keys(zip, path);
        var index = Array.IndexOf(keys, key);
        return index >= 0
            ? ReadMember(zip, zip.Members[index], path)
            : throw new InvalidInputException(
                path,
                $"no array {InputFile.Quote(key)}",
                keys.Length == 0 ? "one" : "one of " + string.Join(", ", keys.Take(20)));
    }

    /// <summary>Writes arrays in the given order, replacing the file in one step. Equal input gives equal bytes.</summary>
    /// <param name="path">The target.</param>
    /// <param name="tensors">Names (no suffix) and tensors of any dtype but BF16.</param>
    /// <param name="compress">Deflate the members, as <c>numpy.savez_compressed</c> does.</param>
    /// <exception cref="InvalidInputException">
    /// A name is empty, unsafe or repeated, a tensor is BF16, or the file cannot be written.
    /// </exception>
    public static void Write(string path, IEnumerable<KeyValuePair<string, HostTensor>> tensors, bool compress = false)
    {
        ArgumentNullException.ThrowIfNull(tensors);
        AtomicFile.Write(path, stream =>
        {
            using var zip = new ZipArchive(stream, ZipArchiveMode.Create, leaveOpen: true);
            var seen = new HashSet<string>(StringComparer.Ordinal);
            foreach (var (key, tensor) in tensors)
            {
                if (!IsSafe(key) || !seen.Add(key))
                {
                    throw new InvalidInputException(path, $"array name {InputFile.Quote(key)}", "a relative name, each once");
                }

                var entry = zip.CreateEntry(key + Suffix, compress ? CompressionLevel.Optimal : CompressionLevel.NoCompression);
                entry.LastWriteTime = Epoch;
                using var member = entry.Open();
                NpyFile.Write(member, tensor, $"{path}/{key}");
            }
        });
    }

    private static string[] Keys(ZipReader zip, string name)
    {
        var keys = new string[zip.Members.Count];
        for (var i = 0; i < keys.Length; i++)
        {
            var member = zip.Members[i];
            if (!member.Name.EndsWith(Suffix, StringComparison.Ordinal) || !IsSafe(member.Name[..^Suffix.Length]))
            {
                throw InputFile.Refuse(
                    name, $"member {InputFile.Quote(member.Name)}", member.Offset, "a relative name that ends in .npy");
            }

            keys[i] = member.Name[..^Suffix.Length];
        }

        return keys;
    }

    private static HostTensor ReadMember(ZipReader zip, ZipMember member, string name)
    {
        using var bytes = new MemoryStream(zip.Read(member), writable: false);
        return NpyFile.Read(bytes, $"{name}/{InputFile.Plain(member.Name)}");
    }

    // Nothing here writes files under these names, but tools that unpack the archive do.
    private static bool IsSafe(string key) =>
        key.Length > 0
        && !key.Any(c => char.IsControl(c) || c is '\\' or ':')
        && !key.Split('/').Any(part => part is "" or "." or "..");
}
