using System.Security.Cryptography;
using System.Text;
using Stof.Reference.Interchange;
using Stof.Reference.Search;

namespace Stof.Reference.OpenCL;

/// <summary>
/// Compiled programs on disk, one file a program. Its name is the hash of source, options, device and driver; its bytes carry a checksum. What
/// does not match is ignored with a warning and written again.
/// </summary>
public sealed class ProgramCache
{
    private const int HashBytes = 32;

    private static readonly byte[] Magic = Encoding.ASCII.GetBytes("STOFCL01");

    private readonly string _folder;
    private readonly Action<string> _warn;

    /// <summary>Opens a cache.</summary>
    /// <param name="folder">Folder; null for <c>opencl</c> in the user's cache folder of this tool.</param>
    /// <param name="warn">Receives what a user should know; null for nobody.</param>
    public ProgramCache(string? folder = null, Action<string>? warn = null)
    {
        _folder = folder ?? Path.Combine(TuningCache.DefaultFolder, "opencl");
        _warn = warn ?? (_ => { });
    }

    /// <summary>The file of a program.</summary>
    public string FileOf(KernelSource source, string options, OpenClDevice device) => Path.Combine(_folder, $"{Key(source, options, device)}.clbin");

    /// <summary>The compiled program, or null if it is not here.</summary>
    public byte[]? Load(KernelSource source, string options, OpenClDevice device)
    {
        var file = FileOf(source, options, device);
        if (!File.Exists(file))
        {
            return null;
        }

        try
        {
            var bytes = File.ReadAllBytes(file);
            var content = bytes.AsSpan(Math.Min(bytes.Length, Magic.Length + HashBytes));
            if (content.IsEmpty || !bytes.AsSpan().StartsWith(Magic) || !SHA256.HashData(content).AsSpan().SequenceEqual(bytes.AsSpan(Magic.Length, HashBytes)))
            {
                Ignore(file, "its checksum does not match");
                return null;
            }

            return content.ToArray();
        }
        catch (Exception exception) when (exception is IOException or UnauthorizedAccessException)
        {
            Ignore(file, exception.Message);
            return null;
        }
    }

    /// <summary>Keeps a compiled program; a folder that cannot be written is a warning.</summary>
    public void Store(KernelSource source, string options, OpenClDevice device, byte[] program)
    {
        var file = FileOf(source, options, device);
        try
        {
            Directory.CreateDirectory(_folder);
            AtomicFile.Write(file, stream =>
            {
                stream.Write(Magic);
                stream.Write(SHA256.HashData(program));
                stream.Write(program);
            });
        }
        catch (Exception exception) when (exception is IOException or UnauthorizedAccessException or InvalidInputException)
        {
            _warn($"program cache {file} is not written: {exception.Message}");
        }
    }

    /// <summary>Says that a file is built anew.</summary>
    internal void Ignore(string file, string reason) => _warn($"program cache {file} is ignored and written again: {reason}");

    private static string Key(KernelSource source, string options, OpenClDevice device)
    {
        var text = string.Join('\0', source.Text, options, device.Vendor, device.Name, device.Version, device.DriverVersion, device.PlatformName, device.PlatformVersion);
        return Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes(text)));
    }
}
