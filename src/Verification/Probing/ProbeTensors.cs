using Stof.Reference.Numerics;
using Stof.Reference.Operators;
using Stof.Reference.Tensors;

namespace Stof.Reference.Verification.Probing;

/// <summary>Tensors made from formulas.</summary>
internal static class ProbeTensors
{
    /// <summary>A tensor of f(flat index).</summary>
    public static HostTensor Of(DType type, int[] shape, Func<int, double> value)
    {
        var wide = HostTensor.Uninitialized(DType.F64, shape);
        var values = wide.Span<double>();
        for (var i = 0; i < values.Length; i++)
        {
            values[i] = value(i);
        }

        return wide.To(type);
    }

    /// <summary>K or V of a problem, filled row by row: (batch, KV head, key, the row's zeros).</summary>
    public static HostTensor Rows(AttentionProblem p, int size, RowFiller fill) => Rows(p, p.KvHeads, p.KvLength, size, fill);

    /// <summary>A tensor of rows in a problem's layout and dtype.</summary>
    public static HostTensor Rows(AttentionProblem p, int heads, int length, int size, RowFiller fill)
    {
        var wide = HostTensor.Zeros(DType.F64, p.Layout.Shape(p.Batch, heads, length, size));
        for (var row = 0; row < p.Batch * heads * length; row++)
        {
            var (b, h, s) = (row / (heads * length), row / length % heads, row % length);
            fill(b, h, s, wide.Span<double>().Slice(p.Layout.RowOffset(heads, length, size, b, h, s), size));
        }

        return wide.To(p.Type);
    }

    /// <summary>Requires shape and dtype of an output.</summary>
    public static void RequireOutput(AttentionProblem p, HostTensor output, string name)
    {
        var shape = p.Layout.Shape(p.Batch, p.QueryHeads, p.QueryLength, p.ValueSize);
        if (!output.HasShape(shape) || !output.Type.IsFloat())
        {
            throw new InvalidInputException(name, output.ToString(), $"{p.Type}{HostTensor.Describe(shape)}");
        }
    }

    /// <summary>Fills one row.</summary>
    internal delegate void RowFiller(int batch, int head, int position, Span<double> values);
}
