using System.Collections.Concurrent;
using Stof.Reference.Numerics;
using Stof.Reference.Operators;
using Stof.Reference.Tensors;
using Stof.Reference.Verification.Cases;

namespace Stof.Reference.Verification.Diagnosis;

/// <summary>Q, K and V as doubles in [B, H, S, D] order, in every reading that a variant asks for.</summary>
internal sealed class Operands(AttentionCase item)
{
    private readonly ConcurrentDictionary<(char Name, OperandReading Reading, DType? Rounding), double[]> _read = new();
    private readonly ConcurrentDictionary<OperandReading, double[]> _magnitudes = new();

    /// <summary>Q [B, Hq, Sq, D].</summary>
    public double[] Queries(OperandReading reading, DType? rounding) => Read('q', reading, rounding);

    /// <summary>K [B, Hkv, Skv, D].</summary>
    public double[] Keys(OperandReading reading, DType? rounding) => Read('k', reading, rounding);

    /// <summary>V [B, Hkv, Skv, Dv].</summary>
    public double[] Values(OperandReading reading) => Read('v', reading, null);

    /// <summary>|V|.</summary>
    public double[] Magnitudes(OperandReading reading) => _magnitudes.GetOrAdd(reading, key => Array.ConvertAll(Values(key), Math.Abs));

    /// <summary>Rounds to a type; F32 means TF32 here.</summary>
    public static double Round(DType type, double value) => type switch
    {
        DType.F16 => (double)(Half)value,
        DType.BF16 => (double)(BFloat16)value,
        _ => RoundToTenBits(value),
    };

    private static double RoundToTenBits(double value)
    {
        const int Dropped = 13; // of the 23 bits of a float's fraction
        var bits = BitConverter.SingleToUInt32Bits((float)value);
        return float.IsFinite((float)value)
            ? BitConverter.UInt32BitsToSingle((bits + (1u << (Dropped - 1)) - 1 + ((bits >> Dropped) & 1)) & ~((1u << Dropped) - 1))
            : value;
    }

    private double[] Read(char name, OperandReading reading, DType? rounding) => _read.GetOrAdd((name, reading, rounding), key =>
    {
        var p = item.Problem;
        var (tensor, heads, length, size) = key.Name switch
        {
            'q' => (item.Q, p.QueryHeads, p.QueryLength, p.HeadSize),
            'k' => (item.K, p.KvHeads, p.KvLength, p.HeadSize),
            _ => (item.V, p.KvHeads, p.KvLength, p.ValueSize),
        };
        var stored = tensor.ToDoubles();
        var layout = key.Reading != OperandReading.OtherLayout ? p.Layout
            : p.Layout == AttentionLayout.BatchHeadsLength ? AttentionLayout.BatchLengthHeads
            : AttentionLayout.BatchHeadsLength;
        var result = new double[stored.Length];
        for (var (row, at) = (0, 0); row < p.Batch * heads * length; row++)
        {
            var (b, h, s) = (row / (heads * length), row / length % heads, row % length);
            for (var d = 0; d < size; d++, at++)
            {
                var (fromRow, fromDimension) = key.Reading == OperandReading.Transposed
                    ? (((d * length) + s) / size, ((d * length) + s) % size)
                    : (s, d);
                var value = stored[layout.RowOffset(heads, length, size, b, h, fromRow) + fromDimension];
                result[at] = key.Rounding is { } type ? Round(type, value) : value;
            }
        }

        return result;
    });
}
