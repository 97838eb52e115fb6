using System.Globalization;
using Stof.Reference.Numerics;

namespace Stof.Reference.Interchange;

/// <summary>
/// The Python dictionary in front of an npy array: <c>{'descr': '&lt;f4', 'fortran_order': False, 'shape': (2, 3), }</c>
/// (NumPy enhancement proposal 1). Exactly these three keys, each once, in any order.
/// </summary>
internal sealed class NpyHeader
{
    private const int MaxRank = 32; // NumPy's own limit before version 2

    private readonly string _text;
    private readonly string _file;
    private readonly long _origin;
    private int _position;
    private DType? _type;
    private bool? _fortranOrder;
    private int[]? _shape;

    private NpyHeader(string text, string file, long origin)
    {
        _text = text;
        _file = file;
        _origin = origin;
    }

    public DType Type => _type!.Value;

    /// <summary>Most significant byte first.</summary>
    public bool BigEndian { get; private set; }

    /// <summary>First axis fastest.</summary>
    public bool FortranOrder => _fortranOrder!.Value;

    public int[] Shape => _shape!;

    /// <summary>Parses a header.</summary>
    /// <param name="text">The header's characters, one a byte.</param>
    /// <param name="file">Name of the file in messages.</param>
    /// <param name="origin">Offset of the header's first byte in the file.</param>
    /// <exception cref="InvalidInputException">
    /// The text is not such a dictionary, or names a dtype that has no place here.
    /// </exception>
    public static NpyHeader Parse(string text, string file, long origin)
    {
        var header = new NpyHeader(text, file, origin);
        header.ParseDictionary();
        return header;
    }

    /// <summary>The type string for a dtype, or null where npy has none.</summary>
    public static string? DescribeType(DType type) => type switch
    {
        DType.F64 => "<f8",
        DType.F32 => "<f4",
        DType.F16 => "<f2",
        DType.I64 => "<i8",
        DType.I32 => "<i4",
        DType.U64 => "<u8",
        DType.U8 => "|u1",
        DType.Bool => "|b1",
        _ => null,
    };

    private void ParseDictionary()
    {
        Expect('{');
        while (!TryTake('}'))
        {
            var start = Skip();
            var key = TakeString();
            Expect(':');
            switch (key)
            {
                case "descr" when _type is null:
                    TakeType();
                    break;
                case "fortran_order" when _fortranOrder is null:
                    TakeOrder();
                    break;
                case "shape" when _shape is null:
                    TakeShape();
                    break;
                default:
                    throw Refuse($"header key {InputFile.Quote(key)}", start, "descr, fortran_order and shape, each once");
            }

            if (!TryTake(','))
            {
                Expect('}');
                break;
            }
        }

        if (Skip() < _text.Length)
        {
            throw Refuse($"character {InputFile.Quote(_text[_position].ToString())} after the header", _position, "blanks");
        }

        var missing = _type is null ? "descr" : _fortranOrder is null ? "fortran_order" : _shape is null ? "shape" : null;
        if (missing is not null)
        {
            throw Refuse($"header without {missing}", 0, "descr, fortran_order and shape");
        }
    }

    private void TakeType()
    {
        var start = Skip();
        if (start < _text.Length && _text[start] == '[')
        {
            throw Refuse("descr of a structured dtype", start, "one of f8 f4 f2 i8 i4 u8 u1 b1");
        }

        var text = TakeString();
        var order = text.Length > 0 ? text[0] : ' ';
        var kind = text.Length > 0 ? text[1..] : text;
        _type = kind switch
        {
            "f8" => DType.F64,
            "f4" => DType.F32,
            "f2" => DType.F16,
            "i8" => DType.I64,
            "i4" => DType.I32,
            "u8" => DType.U64,
            "u1" => DType.U8,
            "b1" => DType.Bool,
            "u2" or "V2" => throw Refuse(
                $"descr {InputFile.Quote(text)}", start, "a dtype of npy; bf16 goes through safetensors"),
            _ => throw Refuse($"descr {InputFile.Quote(text)}", start, "one of f8 f4 f2 i8 i4 u8 u1 b1"),
        };
        var valid = order is '<' or '>' || (order == '|' && _type.Value.Size() == 1);
        if (!valid)
        {
            throw Refuse($"descr {InputFile.Quote(text)}", start, "a byte order of < or >");
        }

        BigEndian = order == '>';
    }

    private void TakeOrder()
    {
        var start = Skip();
        foreach (var (word, value) in (ReadOnlySpan<(string, bool)>)[("True", true), ("False", false)])
        {
            if (string.CompareOrdinal(_text, start, word, 0, word.Length) == 0)
            {
                _position += word.Length;
                _fortranOrder = value;
                return;
            }
        }

        throw Refuse("fortran_order that is no boolean", start, "True or False");
    }

    private void TakeShape()
    {
        var extents = new List<int>();
        Expect('(');
        while (!TryTake(')'))
        {
            if (extents.Count == MaxRank)
            {
                throw Refuse("shape of more dimensions", Skip(), $"at most {MaxRank}");
            }

            extents.Add(TakeExtent());
            if (!TryTake(','))
            {
                if (extents.Count == 1)
                {
                    // "(3)" is a number in Python; only "(3,)" is a tuple.
                    throw Refuse("shape that is a number", Skip(), "a tuple such as (3,)");
                }

                Expect(')');
                break;
            }
        }

        _shape = [.. extents];
    }

    private int TakeExtent()
    {
        var start = Skip();
        while (_position < _text.Length && char.IsAsciiDigit(_text[_position]))
        {
            _position++;
        }

        var digits = _text.AsSpan(start, _position - start);
        return int.TryParse(digits, NumberStyles.None, CultureInfo.InvariantCulture, out var extent)
            ? extent
            : throw Refuse("shape with an extent that is out of range", start, "0 to 2147483647");
    }

    private string TakeString()
    {
        var start = Skip();
        var quote = start < _text.Length ? _text[start] : ' ';
        var end = quote is '\'' or '"' ? _text.IndexOf(quote, start + 1) : -1;
        if (end < 0)
        {
            throw Refuse("header that is no dictionary of strings", start, "a quoted string");
        }

        _position = end + 1;
        return _text[(start + 1)..end];
    }

    private void Expect(char wanted)
    {
        if (!TryTake(wanted))
        {
            throw Refuse("header that is no Python dictionary", _position, $"'{wanted}'");
        }
    }

    private bool TryTake(char wanted)
    {
        if (Skip() < _text.Length && _text[_position] == wanted)
        {
            _position++;
            return true;
        }

        return false;
    }

    private int Skip()
    {
        while (_position < _text.Length && (_text[_position] is ' ' or '\n' or '\t' or '\r'))
        {
            _position++;
        }

        return _position;
    }

    private InvalidInputException Refuse(string found, int position, string expected) =>
        InputFile.Refuse(_file, found, _origin + position, expected);
}
