using System.Collections.Immutable;
using System.Security.Cryptography;
using System.Text;

namespace Stof.Reference.Graphs;

/// <summary>A value between operators.</summary>
/// <param name="Name">For people.</param>
/// <param name="Width">Columns of [rows, width]; 0 for scores [batch, heads, length, length], which only a detached attention materialises.</param>
public sealed record GraphValue(string Name, int Width);

/// <summary>Heads of the attention inside a graph. The QKV value of a row is [Hq·D | Hkv·D | Hkv·D].</summary>
/// <param name="QueryHeads">Hq.</param>
/// <param name="KvHeads">Hkv.</param>
/// <param name="HeadSize">D.</param>
/// <param name="Scale">Factor on q·k.</param>
public sealed record AttentionGeometry(int QueryHeads, int KvHeads, int HeadSize, double Scale)
{
    /// <summary>Columns of the fused QKV product.</summary>
    public int QkvWidth => (QueryHeads + (2 * KvHeads)) * HeadSize;

    /// <summary>Columns of the attention's output.</summary>
    public int OutputWidth => QueryHeads * HeadSize;
}

/// <summary>
/// Operators in the order in which they run, over values in single assignment. Value 0 is the input. Where two orders would
/// do, the paper's numbering is kept, so that a fusion scheme's bits mean the same everywhere.
/// </summary>
public sealed class OperatorGraph
{
    private readonly ImmutableArray<int> _lastUse;

    /// <summary>Checks and keeps a graph.</summary>
    /// <exception cref="ArgumentException">A value is read before it is written, or written twice.</exception>
    public OperatorGraph(
        ImmutableArray<GraphValue> values, ImmutableArray<GraphOperator> operators, AttentionGeometry? attention)
    {
        Values = values;
        Operators = operators;
        Attention = attention;
        var lastUse = new int[values.Length];
        Array.Fill(lastUse, -1);
        var written = new bool[values.Length];
        written[0] = true;
        for (var i = 0; i < operators.Length; i++)
        {
            foreach (var input in operators[i].Inputs)
            {
                if (!written[input])
                {
                    throw new ArgumentException($"operator {i} reads value {input} before it is written", nameof(operators));
                }

                lastUse[input] = i;
            }

            if (written[operators[i].Output])
            {
                throw new ArgumentException($"operator {i} writes value {operators[i].Output} again", nameof(operators));
            }

            written[operators[i].Output] = true;
        }

        _lastUse = [.. lastUse];
    }

    /// <summary>The values; index 0 is the input.</summary>
    public ImmutableArray<GraphValue> Values { get; }

    /// <summary>The operators in execution order.</summary>
    public ImmutableArray<GraphOperator> Operators { get; }

    /// <summary>Heads of the attention, if there is one.</summary>
    public AttentionGeometry? Attention { get; }

    /// <summary>Index of the value that leaves the graph: what the last operator writes, or the input of an empty graph.</summary>
    public int OutputValue => Operators.IsEmpty ? 0 : Operators[^1].Output;

    /// <summary>True if a value is needed after operator <paramref name="index"/>, or leaves the graph.</summary>
    public bool IsLiveAfter(int value, int index) => value == OutputValue || _lastUse[value] > index;

    /// <summary>
    /// Hash of the operators' kinds, shapes and wiring, not of names or weights: equal layers have equal hashes, and a tuned
    /// plan fits every graph with the same hash. Sixteen hexadecimal digits.
    /// </summary>
    public string Hash()
    {
        var text = new StringBuilder();
        text.Append(Attention).Append(';');
        foreach (var op in Operators)
        {
            text.Append(op.Signature).Append('[').AppendJoin(',', op.Inputs).Append("]>").Append(op.Output)
                .Append(':').Append(Values[op.Output].Width).Append(';');
        }

        return Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes(text.ToString())))[..16];
    }
}
