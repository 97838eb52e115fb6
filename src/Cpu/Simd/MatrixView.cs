using Stof.Reference.Numerics;
using Stof.Reference.Tensors;

namespace Stof.Reference.Cpu.Simd;

/// <summary>
/// A rectangle of F32, F16 or BF16 elements inside a tensor: rows may be further apart than they are long. The view keeps
/// its tensor reachable, hence its memory valid. <c>default</c> means "no matrix".
/// </summary>
public readonly record struct MatrixView
{
    private readonly HostTensor? _owner;

    private MatrixView(HostTensor owner, nint address, int rows, int columns, int stride)
    {
        _owner = owner;
        Address = address;
        Type = owner.Type;
        Rows = rows;
        Columns = columns;
        Stride = stride;
    }

    /// <summary>Address of element (0, 0).</summary>
    public nint Address { get; }

    /// <summary>Element type.</summary>
    public DType Type { get; }

    /// <summary>Number of rows.</summary>
    public int Rows { get; }

    /// <summary>Number of columns.</summary>
    public int Columns { get; }

    /// <summary>Elements from the start of one row to the start of the next.</summary>
    public int Stride { get; }

    /// <summary>False for <c>default</c>.</summary>
    public bool IsPresent => _owner is not null;

    internal nint StrideBytes => (nint)Stride * Type.Size();

    /// <summary>The whole tensor: the last extent gives the columns, all others together the rows.</summary>
    /// <exception cref="InvalidInputException">The tensor is a scalar, or not F32, F16 or BF16.</exception>
    public static MatrixView Of(HostTensor tensor)
    {
        ArgumentNullException.ThrowIfNull(tensor);
        if (tensor.Rank == 0)
        {
            throw new InvalidInputException(nameof(tensor), tensor.ToString(), "one dimension or more");
        }

        var columns = tensor.Shape[^1];
        var rows = 1;
        foreach (var extent in tensor.Shape[..^1])
        {
            rows *= extent;
        }

        return Of(tensor, rows, columns, columns);
    }

    /// <summary>A rectangle of a tensor's flat storage.</summary>
    /// <param name="tensor">F32, F16 or BF16.</param>
    /// <param name="rows">Number of rows.</param>
    /// <param name="columns">Number of columns.</param>
    /// <param name="stride">Elements between row starts; at least <paramref name="columns"/>.</param>
    /// <param name="offset">Flat index of element (0, 0).</param>
    /// <exception cref="InvalidInputException">The dtype is another, or the rectangle leaves the tensor.</exception>
    public static unsafe MatrixView Of(HostTensor tensor, int rows, int columns, int stride, int offset = 0)
    {
        ArgumentNullException.ThrowIfNull(tensor);
        if (tensor.Type is not (DType.F32 or DType.F16 or DType.BF16))
        {
            throw new InvalidInputException(nameof(tensor), tensor.ToString(), "F32, F16 or BF16");
        }

        var end = rows == 0 || columns == 0 ? offset : offset + ((long)(rows - 1) * stride) + columns;
        if (rows < 0 || columns < 0 || stride < columns || offset < 0 || end > tensor.Count)
        {
            throw new InvalidInputException(
                "view", $"{rows} x {columns}, stride {stride}, offset {offset}", $"a rectangle inside {tensor}");
        }

        return new MatrixView(tensor, (nint)tensor.Address + ((nint)offset * tensor.Type.Size()), rows, columns, stride);
    }

    /// <summary>Rows [start, start + count).</summary>
    /// <exception cref="InvalidInputException">The rows leave the view.</exception>
    public MatrixView SliceRows(int start, int count) =>
        start >= 0 && count >= 0 && start <= Rows - count
            ? new MatrixView(_owner!, Address + (start * StrideBytes), count, Columns, Stride)
            : throw new InvalidInputException("rows", $"{start} + {count}", $"at most {Rows} in total");

    /// <summary>Columns [start, start + count).</summary>
    /// <exception cref="InvalidInputException">The columns leave the view.</exception>
    public MatrixView SliceColumns(int start, int count) =>
        start >= 0 && count >= 0 && start <= Columns - count
            ? new MatrixView(_owner!, Address + ((nint)start * Type.Size()), Rows, count, Stride)
            : throw new InvalidInputException("columns", $"{start} + {count}", $"at most {Columns} in total");

    /// <summary>Dtype, extents and stride, such as <c>F16[128 x 768, stride 2304]</c>.</summary>
    public override string ToString() => IsPresent ? $"{Type}[{Rows} x {Columns}, stride {Stride}]" : "no matrix";

    internal void Require(string name, int rows, int columns)
    {
        if (!IsPresent || Rows != rows || Columns != columns)
        {
            throw new InvalidInputException(name, ToString(), $"[{rows} x {columns}]");
        }
    }

    internal void RequireType(string name, DType type)
    {
        if (Type != type)
        {
            throw new InvalidInputException(name, ToString(), $"dtype {type}");
        }
    }
}
