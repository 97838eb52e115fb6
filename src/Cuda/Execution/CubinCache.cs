using System.Security.Cryptography;
using System.Text;
using Stof.Reference.Cuda.Driver;
using Stof.Reference.Interchange;

namespace Stof.Reference.Cuda.Execution;

/// <summary>
/// Machine code of kernels on disk, so that a kernel is compiled once for a device and a driver, not once a process. One file for each PTX text, device,
/// compute capability and driver version. A file that is damaged, from another format or made for something else is never used: the caller gets a
/// warning and compiles again. Files are written aside and renamed.
/// </summary>
public sealed class CubinCache
{
    private const int HashBytes = 32;
    private const int LongestKey = 4096;

    private static readonly byte[] Magic = "STOFCUB1"u8.ToArray();

    private readonly string _folder;
    private readonly string _device;
    private readonly Action<string> _warn;

    /// <summary>Uses a folder, which is created when something is stored.</summary>
    /// <param name="folder">The folder.</param>
    /// <param name="deviceName">Name of the device.</param>
    /// <param name="capability">Its compute capability.</param>
    /// <param name="driver">CUDA version of the driver, whose compiler makes the code.</param>
    /// <param name="warn">Told, in one line, about a file that cannot be used or written.</param>
    public CubinCache(string folder, string deviceName, CudaVersion capability, CudaVersion driver, Action<string> warn)
    {
        ArgumentException.ThrowIfNullOrEmpty(folder);
        ArgumentNullException.ThrowIfNull(warn);
        _folder = folder;
        _device = $"{deviceName}|{capability}|CUDA {driver}";
        _warn = warn;
    }

    /// <summary>The folder of cubins within a folder of caches.</summary>
    public static string FolderIn(string caches) => Path.Combine(caches, "cubin");

    /// <summary>The file of a kernel.</summary>
    /// <param name="ptx">Its text.</param>
    public string FileOf(string ptx) => Path.Combine(_folder, $"{Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes(KeyOf(ptx))))[..32]}.cubin");

    /// <summary>The machine code of a text, or null.</summary>
    public byte[]? Load(string ptx)
    {
        var file = FileOf(ptx);
        try
        {
            return File.Exists(file) ? Unwrap(File.ReadAllBytes(file), KeyOf(ptx)) : null;
        }
        catch (Exception exception) when (exception is IOException or UnauthorizedAccessException or InvalidDataException)
        {
            _warn($"{file} is not used: {exception.Message}");
            return null;
        }
    }

    /// <summary>Keeps the machine code of a text.</summary>
    public void Store(string ptx, byte[] cubin)
    {
        ArgumentNullException.ThrowIfNull(cubin);
        var file = FileOf(ptx);
        try
        {
            Directory.CreateDirectory(_folder);
            AtomicFile.Write(file, stream =>
            {
                var key = Encoding.UTF8.GetBytes(KeyOf(ptx));
                stream.Write(Magic);
                stream.Write(BitConverter.GetBytes(key.Length));
                stream.Write(key);
                stream.Write(SHA256.HashData(cubin));
                stream.Write(cubin);
            });
        }
        catch (Exception exception) when (exception is IOException or UnauthorizedAccessException or InvalidInputException)
        {
            _warn($"{file} is not written: {exception.Message}");
        }
    }

    /// <summary>Says that the driver did not take what was loaded.</summary>
    public void Reject(string ptx, string reason) => _warn($"{FileOf(ptx)} is not used: {reason}");

    private static byte[] Unwrap(byte[] content, string key)
    {
        var start = Magic.Length + sizeof(int);
        if (content.Length < start || !content.AsSpan(0, Magic.Length).SequenceEqual(Magic))
        {
            throw new InvalidDataException("it is no file of this cache");
        }

        var keyBytes = BitConverter.ToInt32(content, Magic.Length);
        if (keyBytes is < 0 or > LongestKey || content.Length < start + keyBytes + HashBytes)
        {
            throw new InvalidDataException("it is cut short");
        }

        var found = Encoding.UTF8.GetString(content, start, keyBytes);
        if (found != key)
        {
            throw new InvalidDataException($"it was made for {found}");
        }

        var cubin = content.AsSpan(start + keyBytes + HashBytes);
        return SHA256.HashData(cubin).AsSpan().SequenceEqual(content.AsSpan(start + keyBytes, HashBytes))
            ? cubin.ToArray()
            : throw new InvalidDataException("its bytes do not match their hash");
    }

    private string KeyOf(string ptx) => $"{_device}|{Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes(ptx)))}";
}
