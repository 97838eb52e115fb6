using System.Globalization;

namespace Stof.Reference.Cpu.Simd;

/// <summary>
/// Sizes of the caches of one core in bytes: what blocking is chosen by. No size changes a bit of a result.
/// </summary>
/// <param name="SecondLevel">The second level, which one core has to itself on most processors.</param>
/// <param name="LastLevel">The last level, shared or not.</param>
public sealed record CacheSizes(long SecondLevel, long LastLevel)
{
    private const string LinuxFolder = "/sys/devices/system/cpu/cpu0/cache";

    /// <summary>What is assumed where the operating system does not tell: most processors of the last ten years have as much.</summary>
    public static CacheSizes Assumed { get; } = new(1 << 20, 16 << 20);

    /// <summary>The sizes of this machine's first core, read once.</summary>
    public static CacheSizes OfThisMachine { get; } = Read(LinuxFolder);

    /// <summary>
    /// Reads a folder as Linux writes it: one subfolder <c>index*</c> a cache, with files <c>level</c>, <c>type</c> and
    /// <c>size</c> (such as <c>32K</c>). A level that is not there or not readable is taken from <see cref="Assumed"/>.
    /// </summary>
    /// <param name="folder">The folder; need not exist.</param>
    public static CacheSizes Read(string folder)
    {
        var sizes = new SortedDictionary<int, long>();
        try
        {
            foreach (var cache in Directory.Exists(folder) ? Directory.GetDirectories(folder, "index*") : [])
            {
                if (First(cache, "type") is "Data" or "Unified"
                    && int.TryParse(First(cache, "level"), CultureInfo.InvariantCulture, out var level)
                    && Bytes(First(cache, "size")) is > 0 and var size)
                {
                    sizes[level] = size;
                }
            }
        }
        catch (Exception exception) when (exception is IOException or UnauthorizedAccessException)
        {
            return Assumed; // a sandbox may hide files that it lists
        }

        var second = sizes.GetValueOrDefault(2, Assumed.SecondLevel);
        return new CacheSizes(
            second,
            sizes.Count == 0 ? Assumed.LastLevel : Math.Max(second, sizes.Last().Value));
    }

    private static string First(string folder, string file) => File.ReadAllText(Path.Combine(folder, file)).Trim();

    private static long Bytes(string size)
    {
        var unit = size.Length == 0 ? ' ' : char.ToUpperInvariant(size[^1]);
        var shift = unit switch
        {
            'K' => 10,
            'M' => 20,
            'G' => 30,
            _ => 0,
        };
        var digits = shift == 0 ? size : size[..^1];
        return long.TryParse(digits, NumberStyles.None, CultureInfo.InvariantCulture, out var number) ? number << shift : 0;
    }
}
