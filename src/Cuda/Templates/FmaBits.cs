using Stof.Reference.Formats;

namespace Stof.Reference.Cuda.Templates;

/// <summary>
/// Bitmaps as <see cref="FmaAttention"/> reads them: for each part tile a word a thread, whose bit 4·i + j is the thread's query i and key j.
/// </summary>
internal static class FmaBits
{
    private const int Inner = 8; // rows and columns of a storage word

    /// <summary>The bitmaps of all part tiles.</summary>
    public static uint[] Of(BlockMask mask)
    {
        var threads = mask.Tile.Rows / FmaAttention.Queries * FmaAttention.Sharers;
        var bits = new uint[mask.PartColIdx.Length * threads];
        for (var part = 0; part < mask.PartColIdx.Length; part++)
        {
            var words = mask.Bitmap(part);
            for (var thread = 0; thread < threads; thread++)
            {
                var (firstRow, firstColumn) = (thread / FmaAttention.Sharers * FmaAttention.Queries, thread % FmaAttention.Sharers);
                for (var i = 0; i < FmaAttention.Queries; i++)
                {
                    for (var j = 0; j < FmaAttention.Keys; j++)
                    {
                        var (row, column) = (firstRow + i, firstColumn + (FmaAttention.Sharers * j));
                        var word = words[(column / Inner * (mask.Tile.Rows / Inner)) + (row / Inner)];
                        var bit = (word >> ((Inner * (row % Inner)) + (column % Inner))) & 1;
                        bits[(part * threads) + thread] |= (uint)bit << ((FmaAttention.Keys * i) + j);
                    }
                }
            }
        }

        return bits;
    }
}
