using System.Globalization;

namespace Stof.Reference.Masks;

/// <summary>
/// The text form of patterns. Grammar, with blanks allowed anywhere between symbols:
/// <code>
/// or      := and ('|' and)*            associates to the left
/// and     := unary ('&amp;' unary)*
/// unary   := '!' unary | '(' or ')' | name [ '(' [ argument (',' argument)* ] ')' ]
/// argument := [ name '=' ] value       those without a name come first, in the catalogue's order
/// value   := atom | or | '[' or (',' or)* ']'        as the parameter's kind asks: a number or word, a pattern, patterns
/// </code>
/// Printing is canonical and lossless: <c>Parse(Print(p))</c> equals p.
/// </summary>
public static class MaskText
{
    /// <summary>Deepest nesting of parentheses and <c>!</c>.</summary>
    public const int MaxDepth = 100;

    /// <summary>Most operators and patterns in one text: bounds the depth of the tree, and so of the recursion over it.</summary>
    public const int MaxNodes = 1000;

    /// <summary>The canonical text.</summary>
    public static string Print(MaskPattern pattern)
    {
        ArgumentNullException.ThrowIfNull(pattern);
        return pattern.ToString();
    }

    /// <summary>Reads a pattern.</summary>
    /// <exception cref="InvalidInputException">The text is no pattern; the message gives the column, counted from 1, and what was expected there.</exception>
    public static MaskPattern Parse(string text)
    {
        ArgumentNullException.ThrowIfNull(text);
        var parser = new Parser(text);
        return parser.ParseAll();
    }

    private ref struct Parser(string text)
    {
        private readonly string _text = text;
        private int _position;
        private int _depth;
        private int _nodes;

        public MaskPattern ParseAll()
        {
            var pattern = ParseOr();
            return Peek() == '\0' ? pattern : throw Expected("'&', '|' or the end");
        }

        private MaskPattern ParseOr()
        {
            var left = ParseAnd();
            while (Accept('|'))
            {
                left |= ParseAnd();
                CountNode();
            }

            return left;
        }

        private MaskPattern ParseAnd()
        {
            var left = ParseUnary();
            while (Accept('&'))
            {
                left &= ParseUnary();
                CountNode();
            }

            return left;
        }

        private MaskPattern ParseUnary()
        {
            CountNode();
            if (++_depth > MaxDepth)
            {
                throw Expected($"at most {MaxDepth} levels of nesting");
            }

            MaskPattern pattern;
            if (Accept('!'))
            {
                pattern = !ParseUnary();
            }
            else if (Accept('('))
            {
                pattern = ParseOr();
                Require(')');
            }
            else
            {
                pattern = ParseNamed();
            }

            _depth--;
            return pattern;
        }

        private NamedMask ParseNamed()
        {
            var start = Skip();
            var name = ReadAtom("a pattern name, '!' or '('");
            MaskEntry entry;
            try
            {
                entry = MaskCatalog.Find(name);
            }
            catch (InvalidInputException exception)
            {
                throw new InvalidInputException(At(start), $"unknown pattern '{Short(name)}'", exception.Message.Split("expected ")[^1], exception);
            }

            return entry.Create(new MaskArguments(entry, ParseArguments(entry)));
        }

        private Dictionary<string, object> ParseArguments(MaskEntry entry)
        {
            var values = new Dictionary<string, object>();
            if (!Accept('('))
            {
                return values;
            }

            if (Accept(')'))
            {
                return values;
            }

            var named = false;
            do
            {
                var start = Skip();
                MaskParameter parameter;
                if (TryReadName() is { } name)
                {
                    named = true;
                    parameter = entry.Parameters.FirstOrDefault(p => p.Name == name)
                        ?? throw new InvalidInputException(At(start), $"unknown parameter '{Short(name)}'", entry.Signature);
                    start = Skip();
                }
                else if (named || values.Count == entry.Parameters.Count)
                {
                    var atom = ReadAtom($"an argument of {entry.Signature}");
                    throw named
                        ? new InvalidInputException(At(start), $"'{Short(atom)}' without a name after a named argument", entry.Signature)
                        : new InvalidInputException(At(start), $"one argument too many, '{Short(atom)}'", entry.Signature);
                }
                else
                {
                    parameter = entry.Parameters[values.Count];
                }

                if (!values.TryAdd(parameter.Name, ParseValue(entry, parameter, start)))
                {
                    throw new InvalidInputException(At(start), $"'{parameter.Name}' given twice", "each parameter once");
                }
            }
            while (Accept(','));
            Require(')');
            return values;
        }

        private object ParseValue(MaskEntry entry, MaskParameter parameter, int start)
        {
            if (parameter.Kind == MaskParameterKind.Pattern)
            {
                return ParseOr();
            }

            if (parameter.Kind == MaskParameterKind.Patterns)
            {
                Require('[');
                var patterns = new List<MaskPattern>();
                do
                {
                    patterns.Add(ParseOr());
                }
                while (Accept(','));
                Require(']');
                return patterns;
            }

            var atom = ReadAtom($"a value of '{parameter.Name}' in {entry.Signature}");
            return parameter.Kind switch
            {
                MaskParameterKind.Whole when int.TryParse(
                    atom, NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture, out var whole) => whole,
                MaskParameterKind.Whole => throw new InvalidInputException(
                    At(start), $"{parameter.Name}={Short(atom)}", "a whole number of 32 bits"),
                MaskParameterKind.Number when double.TryParse(
                    atom, NumberStyles.Float, CultureInfo.InvariantCulture, out var number) && double.IsFinite(number) => number,
                MaskParameterKind.Number => throw new InvalidInputException(At(start), $"{parameter.Name}={Short(atom)}", "a finite number"),
                _ => atom,
            };
        }

        /// <summary>The name in front of '=', or null, nothing being read, where a value comes at once.</summary>
        private string? TryReadName()
        {
            var start = Skip();
            var end = start;
            while (end < _text.Length && IsAtom(_text[end]))
            {
                end++;
            }

            _position = end;
            if (end > start && Accept('='))
            {
                return _text[start..end];
            }

            _position = start;
            return null;
        }

        private static bool IsAtom(char symbol) => char.IsAsciiLetterOrDigit(symbol) || "_.+-".Contains(symbol);

        private string ReadAtom(string expected)
        {
            var start = Skip();
            while (_position < _text.Length && IsAtom(_text[_position]))
            {
                _position++;
            }

            return _position > start ? _text[start.._position] : throw Expected(expected);
        }

        private void CountNode()
        {
            if (++_nodes > MaxNodes)
            {
                throw Expected($"at most {MaxNodes} patterns and operators");
            }
        }

        private int Skip()
        {
            while (_position < _text.Length && char.IsWhiteSpace(_text[_position]))
            {
                _position++;
            }

            return _position;
        }

        private char Peek() => Skip() < _text.Length ? _text[_position] : '\0';

        private bool Accept(char symbol)
        {
            if (Skip() >= _text.Length || _text[_position] != symbol)
            {
                return false;
            }

            _position++;
            return true;
        }

        private void Require(char symbol)
        {
            if (!Accept(symbol))
            {
                throw Expected($"'{symbol}'");
            }
        }

        private InvalidInputException Expected(string expected)
        {
            var found = Skip() >= _text.Length ? "the end" : $"'{Describe(_text[_position])}'";
            return new InvalidInputException(At(_position), found, expected);
        }

        private readonly string At(int position) => $"mask '{Describe(Short(_text))}', column {position + 1}";

        private static string Short(string text) => text.Length <= 60 ? text : text[..57] + "...";

        // Errors are one line whatever the input holds.
        private static string Describe(object text) =>
            string.Concat(text.ToString()!.Select(c => char.IsControl(c) || char.IsSurrogate(c) ? $"\\u{(int)c:x4}" : c.ToString()));
    }
}
