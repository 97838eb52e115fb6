namespace Stof.Reference.Cli.Rendering;

/// <summary>A picture of palette indices, one byte a pixel.</summary>
/// <param name="width">Pixels a row, 1 or more.</param>
/// <param name="height">Rows, 1 or more.</param>
/// <param name="palette">Colours as 0xRRGGBB, at most 256; index 0 fills a new picture.</param>
internal sealed class IndexedImage(int width, int height, IReadOnlyList<int> palette)
{
    /// <summary>Pixels a row.</summary>
    public int Width { get; } = width;

    /// <summary>Rows.</summary>
    public int Height { get; } = height;

    /// <summary>Colours as 0xRRGGBB.</summary>
    public IReadOnlyList<int> Palette { get; } = palette;

    /// <summary>Palette indices, row-major.</summary>
    public byte[] Pixels { get; } = new byte[checked(width * height)];

    /// <summary>Fills the part of a rectangle that is inside the picture.</summary>
    public void Fill(int left, int top, int columns, int rows, byte colour)
    {
        var (start, end) = (Math.Clamp(left, 0, Width), Math.Clamp(left + columns, 0, Width));
        for (var y = Math.Max(top, 0); y < Math.Min(top + rows, Height); y++)
        {
            Pixels.AsSpan((y * Width) + start, end - start).Fill(colour);
        }
    }
}
