using Stof.Reference.Interchange;
using Stof.Reference.Tensors;

namespace Stof.Reference.Cli.Running;

/// <summary>
/// Resolves an argument that names one tensor: <c>f.npy</c>, <c>f.npz:key</c> or <c>f.safetensors:key</c> (the key may be left
/// out where a default is known), or all tensors of such a file.
/// </summary>
internal static class TensorArgument
{
    private const string Npz = ".npz";
    private const string Safetensors = ".safetensors";

    /// <summary>Reads the tensor.</summary>
    /// <param name="argument">Path, with a key for a file of several.</param>
    /// <param name="defaultKey">Key of a file of several that is given without one.</param>
    /// <exception cref="InvalidInputException">The file is missing or malformed, or has no such key.</exception>
    public static HostTensor Read(string argument, string defaultKey)
    {
        ArgumentNullException.ThrowIfNull(argument);
        if (Split(argument, Npz) is var (archive, key))
        {
            return NpzArchive.Read(archive, key ?? defaultKey);
        }

        if (Split(argument, Safetensors) is var (path, name))
        {
            using var file = SafetensorsFile.Open(path);
            return file.Read(name ?? defaultKey);
        }

        return NpyFile.Read(argument);
    }

    /// <summary>Reads all tensors of an archive.</summary>
    /// <exception cref="InvalidInputException">The file is missing or malformed, or holds a single tensor without a name.</exception>
    public static IReadOnlyDictionary<string, HostTensor> ReadAll(string path)
    {
        ArgumentNullException.ThrowIfNull(path);
        if (path.EndsWith(Safetensors, StringComparison.OrdinalIgnoreCase))
        {
            using var file = SafetensorsFile.Open(path);
            return file.Names.ToDictionary(name => name, file.Read);
        }

        return path.EndsWith(Npz, StringComparison.OrdinalIgnoreCase)
            ? NpzArchive.Read(path)
            : throw new InvalidInputException(path, "not the name of an archive", "a .npz or .safetensors file; single tensors are given by their options");
    }

    private static (string Path, string? Key)? Split(string argument, string extension)
    {
        var end = argument.LastIndexOf(extension, StringComparison.OrdinalIgnoreCase);
        if (end < 0)
        {
            return null;
        }

        end += extension.Length;
        return end == argument.Length ? (argument, null)
            : argument[end] == ':' ? (argument[..end], argument[(end + 1)..])
            : null;
    }
}
