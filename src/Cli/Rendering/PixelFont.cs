namespace Stof.Reference.Cli.Rendering;

/// <summary>Capitals, digits and the signs of mask texts in 3×5 pixels, for labels in pictures; what is missing is left blank.</summary>
internal static class PixelFont
{
    /// <summary>Pixels from one line's top to where the next may begin, at scale 1.</summary>
    public const int LineHeight = 8;

    private const int Columns = 3;
    private const int Rows = 5;

    // One octal digit a row, top to bottom; its highest bit is the leftmost pixel.
    private static readonly Dictionary<char, string> Glyphs = new()
    {
        ['A'] = "25755",
        ['B'] = "65656",
        ['C'] = "34443",
        ['D'] = "65556",
        ['E'] = "74647",
        ['F'] = "74644",
        ['G'] = "34553",
        ['H'] = "55755",
        ['I'] = "72227",
        ['J'] = "11152",
        ['K'] = "55655",
        ['L'] = "44447",
        ['M'] = "57755",
        ['N'] = "65555",
        ['O'] = "25552",
        ['P'] = "65644",
        ['Q'] = "25563",
        ['R'] = "65655",
        ['S'] = "34216",
        ['T'] = "72222",
        ['U'] = "55557",
        ['V'] = "55552",
        ['W'] = "55775",
        ['X'] = "55255",
        ['Y'] = "55222",
        ['Z'] = "71247",
        ['0'] = "75557",
        ['1'] = "26227",
        ['2'] = "61247",
        ['3'] = "61216",
        ['4'] = "55711",
        ['5'] = "74616",
        ['6'] = "34757",
        ['7'] = "71222",
        ['8'] = "75757",
        ['9'] = "75716",
        ['('] = "12221",
        [')'] = "42224",
        ['['] = "64446",
        [']'] = "31113",
        ['<'] = "12421",
        ['>'] = "42124",
        ['='] = "07070",
        [','] = "00024",
        ['.'] = "00002",
        ['&'] = "25253",
        ['|'] = "22222",
        ['!'] = "22202",
        ['_'] = "00007",
        ['-'] = "00700",
        ['+'] = "02720",
        [':'] = "02020",
        ['%'] = "51245",
        ['/'] = "11244",
    };

    /// <summary>Pixels that a text takes.</summary>
    public static int Width(string text, int scale) => text.Length * (Columns + 1) * scale;

    /// <summary>Draws a text with its top left corner at (left, top); what lies outside the picture is cut.</summary>
    public static void Draw(IndexedImage image, int left, int top, string text, byte colour, int scale)
    {
        foreach (var letter in text)
        {
            for (var row = 0; row < Rows && Glyphs.TryGetValue(char.ToUpperInvariant(letter), out var glyph); row++)
            {
                for (var column = 0; column < Columns; column++)
                {
                    if ((((glyph[row] - '0') >> (Columns - 1 - column)) & 1) != 0)
                    {
                        image.Fill(left + (column * scale), top + (row * scale), scale, scale, colour);
                    }
                }
            }

            left += (Columns + 1) * scale;
        }
    }
}
