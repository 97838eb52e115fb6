using Stof.Reference.Interchange;
using Stof.Reference.Tensors;

namespace Stof.Reference.Cli.Running;

/// <summary>Resolves an argument that names one tensor: <c>f.npy</c>, or <c>f.npz:key</c> (the key may be left out where a default is known).</summary>
internal static class TensorArgument
{
    /// <summary>Reads the tensor.</summary>
    /// <param name="argument">Path, with a key for an archive.</param>
    /// <param name="defaultKey">Key of an archive that is given without one.</param>
    /// <exception cref="InvalidInputException">The file is missing or malformed, or has no such key.</exception>
    public static HostTensor Read(string argument, string defaultKey)
    {
        const string Extension = ".npz";
        var end = argument.LastIndexOf(Extension, StringComparison.OrdinalIgnoreCase);
        if (end < 0)
        {
            return NpyFile.Read(argument);
        }

        end += Extension.Length;
        return end == argument.Length ? NpzArchive.Read(argument, defaultKey)
            : argument[end] == ':' ? NpzArchive.Read(argument[..end], argument[(end + 1)..])
            : NpyFile.Read(argument);
    }
}
