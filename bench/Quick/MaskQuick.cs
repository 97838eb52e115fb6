using System.Diagnostics;
using System.Globalization;
using Stof.Reference.Formats;
using Stof.Reference.Masks;
using Stof.Reference.Numerics;
using Stof.Reference.Tensors;

namespace Stof.Reference.Bench.Quick;

/// <summary>
/// From a mask text to tile lists of 64×64: time and memory on one thread, first call and steady state. The same masks as
/// <c>bench/peers/create_block_mask.py</c>, which prints the same columns.
/// </summary>
internal static class MaskQuick
{
    private const int DenseSide = 8192;

    /// <summary>The masks that are built at a length; their widths are about √S, as in STOF's settings.</summary>
    public static (string Name, string Text)[] Masks(int length)
    {
        var width = (int)Math.Sqrt(length);
        return
        [
            ("causal", "causal"),
            ("sliding", $"sliding({width})"),
            ("longformer", $"longformer(band={width},global={width})"),
            ("bigbird", $"bigbird(band={width},global={width},fill=0.1,seed=0)"),
            ("documents", $"documents({Documents(length)})"),
        ];
    }

    /// <summary>Prints one row a mask and length.</summary>
    public static void Run(TextWriter output)
    {
        output.WriteLine("mask             S   full tiles   part tiles    first ms   median ms     best ms  result MB  allocated MB");
        foreach (var length in new[] { 4096, 131072 })
        {
            foreach (var (name, text) in Masks(length))
            {
                Row(output, name, text, length);
            }
        }

        DenseImport(output);
    }

    private static void Row(TextWriter output, string name, string text, int length)
    {
        var pattern = MaskText.Parse(text);
        var extent = new MaskExtent(length, length);
        var start = Stopwatch.GetTimestamp();
        var allocated = GC.GetAllocatedBytesForCurrentThread();
        var mask = BlockMaskBuilder.Build(pattern, extent, TileShape.Default);
        allocated = GC.GetAllocatedBytesForCurrentThread() - allocated;
        var first = Stopwatch.GetElapsedTime(start);
        var timing = Timing.Of(() => BlockMaskBuilder.Build(pattern, extent, TileShape.Default));
        var bytes = (sizeof(ulong) * (long)mask.Bitmaps.Length)
            + (sizeof(int) * ((3L * mask.LoadRowPtr.Length) + mask.FullColIdx.Length + mask.PartColIdx.Length + (2L * mask.LoadColIdx.Length)));
        output.WriteLine(string.Create(
            CultureInfo.InvariantCulture,
            $"{name,-10} {length,7} {mask.FullColIdx.Length,12} {mask.PartColIdx.Length,12} {first.TotalMilliseconds,11:F3} {1e3 * timing.MedianSeconds,11:F3} {1e3 * timing.BestSeconds,11:F3} {bytes / 1e6,10:F2} {allocated / 1e6,13:F2}"));
    }

    private static void DenseImport(TextWriter output)
    {
        // A band and random pairs, so that full, part and empty tiles occur.
        var random = new Random(1);
        var tensor = HostTensor.Zeros(DType.Bool, DenseSide, DenseSide);
        var bytes = tensor.Bytes;
        for (var i = 0; i < bytes.Length; i++)
        {
            bytes[i] = (byte)(Math.Abs((i / DenseSide) - (i % DenseSide)) < 1000 || random.Next(5000) == 0 ? 1 : 0);
        }

        var extent = new MaskExtent(DenseSide, DenseSide);
        var import = Timing.Of(() => DenseMask.From(tensor));
        var mask = DenseMask.From(tensor);
        var build = Timing.Of(() => BlockMaskBuilder.Build(mask, extent, TileShape.Default));
        output.WriteLine(string.Create(
            CultureInfo.InvariantCulture,
            $"dense import {DenseSide}x{DenseSide} bytes: bits {1e3 * import.MedianSeconds:F1} ms (best {1e3 * import.BestSeconds:F1}), tile lists of them {1e3 * build.MedianSeconds:F1} ms (best {1e3 * build.BestSeconds:F1})"));
    }

    /// <summary>Documents of 200 to 2,000 tokens, seeded.</summary>
    private static string Documents(int length)
    {
        var random = new Random(7);
        var lengths = new List<int>();
        for (var left = length; left > 0; left -= lengths[^1])
        {
            lengths.Add(Math.Min(left, random.Next(200, 2001)));
        }

        return string.Join('+', lengths);
    }
}
