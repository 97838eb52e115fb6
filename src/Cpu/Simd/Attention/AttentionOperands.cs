using Stof.Reference.Numerics;
using Stof.Reference.Operators;
using Stof.Reference.Tensors;

namespace Stof.Reference.Cpu.Simd.Attention;

/// <summary>
/// Rows of one operand inside a larger tensor: row (b, h, s) starts at element
/// Offset + b·BatchStride + h·HeadStride + s·RowStride and is contiguous. So a column slice of a fused QKV buffer is read
/// where it lies.
/// </summary>
/// <param name="Tensor">The tensor that holds the rows; its shape does not matter.</param>
/// <param name="Offset">Element where row (0, 0, 0) starts.</param>
/// <param name="BatchStride">Elements from batch item to batch item.</param>
/// <param name="HeadStride">Elements from head to head.</param>
/// <param name="RowStride">Elements from row to row.</param>
public readonly record struct AttentionView(HostTensor Tensor, long Offset, long BatchStride, long HeadStride, long RowStride)
{
    /// <summary>A tensor of its own in one of the two axis orders.</summary>
    /// <exception cref="InvalidInputException">The tensor's shape is not that of the layout.</exception>
    public static AttentionView Whole(
        string name, HostTensor tensor, AttentionLayout layout, int batch, int heads, int length, int size)
    {
        ArgumentNullException.ThrowIfNull(tensor);
        var shape = layout.Shape(batch, heads, length, size);
        if (!tensor.HasShape(shape))
        {
            throw new InvalidInputException(name, tensor.ToString(), HostTensor.Describe(shape));
        }

        var batchStride = (long)heads * length * size;
        return layout == AttentionLayout.BatchHeadsLength
            ? new AttentionView(tensor, 0, batchStride, (long)length * size, size)
            : new AttentionView(tensor, 0, batchStride, size, (long)heads * size);
    }

    /// <summary>
    /// Heads side by side in columns of a matrix [B·length, width]: head h of token (b, s) is columns
    /// [column + h·size, column + (h+1)·size) of row b·length + s.
    /// </summary>
    public static AttentionView Columns(HostTensor matrix, int length, int column, int size)
    {
        ArgumentNullException.ThrowIfNull(matrix);
        if (matrix.Rank != 2)
        {
            throw new InvalidInputException(nameof(matrix), matrix.ToString(), "a matrix [batch·length, width]");
        }

        var width = matrix.Shape[1];
        return new AttentionView(matrix, column, (long)length * width, size, width);
    }

    /// <summary>Refuses a view whose rows leave its tensor or whose dtype is not <paramref name="type"/>.</summary>
    /// <exception cref="InvalidInputException">The view does not fit.</exception>
    internal void Require(string name, DType type, int batch, int heads, int length, int size)
    {
        if (Tensor is null || Tensor.Type != type)
        {
            throw new InvalidInputException(name, Tensor is null ? "no tensor" : Tensor.ToString(), $"a tensor of {type}");
        }

        if (Offset < 0 || BatchStride < 0 || HeadStride < 0 || RowStride < 0)
        {
            throw new InvalidInputException(name, ToString(), "an offset and strides of 0 or more");
        }

        var end = Offset + ((batch - 1) * BatchStride) + ((heads - 1) * HeadStride) + ((length - 1) * RowStride) + size;
        if (length > 0 && end > Tensor.Count)
        {
            throw new InvalidInputException(name, $"rows up to element {end} of {Tensor}", "a view inside its tensor");
        }
    }

    /// <summary>Address of row (b, h, s).</summary>
    internal unsafe byte* Row(int batch, int head, int row) =>
        (byte*)Tensor.Address + ((Offset + (batch * BatchStride) + (head * HeadStride) + (row * RowStride)) * Tensor.Type.Size());

    /// <summary>Asks for rows (b, h, [first, first + rows)): they will be wanted, but not yet.</summary>
    internal unsafe void Ask(int batch, int head, int first, int rows, int size)
    {
        var element = Tensor.Type.Size();
        var row = Row(batch, head, first);
        for (; rows > 0; rows--)
        {
            for (var at = 0; at < size * element; at += Prefetch.LineBytes)
            {
                Prefetch.ToSecondLevel(row + at);
            }

            row += RowStride * element;
        }
    }
}

/// <summary>What one run of an attention kernel reads and writes.</summary>
/// <param name="Query">Q, rows (b, query head, query) of the head size.</param>
/// <param name="Key">K, rows (b, KV head, key) of the head size.</param>
/// <param name="Value">V, rows (b, KV head, key) of the value size.</param>
/// <param name="Output">O, rows (b, query head, query) of the value size; must not overlap the inputs.</param>
/// <param name="LogSumExp">[B, Hq, Sq] in F32, or null where it is not wanted.</param>
public readonly record struct AttentionOperands(
    AttentionView Query, AttentionView Key, AttentionView Value, AttentionView Output, HostTensor? LogSumExp = null)
{
    /// <summary>Views of four tensors in the problem's layout.</summary>
    /// <exception cref="InvalidInputException">A shape is not the problem's.</exception>
    public static AttentionOperands Of(
        AttentionProblem problem, HostTensor q, HostTensor k, HostTensor v, HostTensor output, HostTensor? logSumExp = null)
    {
        ArgumentNullException.ThrowIfNull(problem);
        var p = problem;
        return new AttentionOperands(
            AttentionView.Whole("q", q, p.Layout, p.Batch, p.QueryHeads, p.QueryLength, p.HeadSize),
            AttentionView.Whole("k", k, p.Layout, p.Batch, p.KvHeads, p.KvLength, p.HeadSize),
            AttentionView.Whole("v", v, p.Layout, p.Batch, p.KvHeads, p.KvLength, p.ValueSize),
            AttentionView.Whole("output", output, p.Layout, p.Batch, p.QueryHeads, p.QueryLength, p.ValueSize),
            logSumExp);
    }

    /// <summary>Checks all operands against the problem.</summary>
    /// <exception cref="InvalidInputException">An operand does not fit.</exception>
    internal void Require(AttentionProblem p)
    {
        Query.Require("q", p.Type, p.Batch, p.QueryHeads, p.QueryLength, p.HeadSize);
        Key.Require("k", p.Type, p.Batch, p.KvHeads, p.KvLength, p.HeadSize);
        Value.Require("v", p.Type, p.Batch, p.KvHeads, p.KvLength, p.ValueSize);
        Output.Require("output", p.Type, p.Batch, p.QueryHeads, p.QueryLength, p.ValueSize);
        if (LogSumExp is null)
        {
            if (p.LogSumExp != LogSumExpOutput.None)
            {
                throw new InvalidInputException("logSumExp", "no tensor", $"F32[{p.Batch}, {p.QueryHeads}, {p.QueryLength}]");
            }
        }
        else if (LogSumExp.Type != DType.F32 || !LogSumExp.HasShape(p.Batch, p.QueryHeads, p.QueryLength))
        {
            throw new InvalidInputException(
                "logSumExp", LogSumExp.ToString(), $"F32[{p.Batch}, {p.QueryHeads}, {p.QueryLength}]");
        }
    }
}
