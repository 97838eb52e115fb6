using Stof.Reference.Cuda.Ptx;
using Stof.Reference.Formats;

namespace Stof.Reference.Cuda.Templates;

/// <summary>
/// The bits of the tile at hand, loaded while the one before it is computed. They lie in fragment order (<see cref="FragmentBits"/>): one word
/// holds a lane's scores of sixteen queries and 64 keys, four a tile of eight keys.
/// </summary>
internal sealed class TileBits
{
    private const int WarpLanes = 32;

    private readonly KernelBuilder _b;
    private readonly BlockwiseAttentionSpec _spec;
    private readonly BlockwiseParameters _p;
    private readonly WorkItem _item;
    private readonly B32 _place;
    private readonly B32 _part;
    private readonly int _wordsPerStrip;
    private readonly B32[] _words;

    public TileBits(KernelBuilder builder, BlockwiseAttentionSpec spec, BlockwiseParameters parameters, WorkItem item, B32 warp, B32 lane)
    {
        (_b, _spec, _p, _item) = (builder, spec, parameters, item);
        _wordsPerStrip = FragmentBits.WordsPerLane(spec.KeyTile);
        _words = new B32[_wordsPerStrip * spec.Strips];
        for (var word = 0; word < _words.Length; word++)
        {
            _words[word] = _b.Copy<B32>(0);
        }

        _part = _b.Copy<B32>(-1);
        _place = _b.Mad(warp, _words.Length * WarpLanes, lane);
    }

    /// <summary>Asks for an entry's bitmap number, −1 for a full tile; the last one's beyond the end.</summary>
    public B32 Part(B32 entry) => _b.LoadGlobal<B32>(_b.Element(_p.LoadParts, _item.Clamped(entry), sizeof(int)));

    /// <summary>Asks for a tile's bits.</summary>
    /// <param name="part">Its bitmap.</param>
    public void Load(B32 part)
    {
        _b.Assign(_part, part);
        _b.If(
            _b.CompareS32(Comparison.GreaterOrEqual, part, 0),
            () =>
            {
                var address = _b.Element(_p.Bits, _b.Mad(part, _spec.GroupWarps * _words.Length * WarpLanes, _place), sizeof(uint));
                for (var word = 0; word < _words.Length; word++)
                {
                    _b.Assign(_words[word], _b.LoadGlobal<B32>(address + (word * WarpLanes * sizeof(uint))));
                }
            });
    }

    /// <summary>Clear bits make −∞; a full tile is left as it is.</summary>
    /// <param name="scores">Of each strip.</param>
    public void Apply(F32[][][] scores) => _b.If(
        _b.CompareS32(Comparison.GreaterOrEqual, _part, 0),
        () =>
        {
            for (var strip = 0; strip < scores.Length; strip++)
            {
                for (var tile = 0; tile < scores[strip].Length; tile++)
                {
                    var (word, first) = (_words[(strip * _wordsPerStrip) + (tile / FragmentBits.TilesPerWord)], 4 * (tile % FragmentBits.TilesPerWord));
                    for (var i = 0; i < 4; i++)
                    {
                        var isAllowed = _b.CompareU32(Comparison.NotEqual, _b.And(word, 1 << (first + i)), 0);
                        _b.Assign(scores[strip][tile][i], _b.Select(isAllowed, scores[strip][tile][i], float.NegativeInfinity));
                    }
                }
            }
        });
}
