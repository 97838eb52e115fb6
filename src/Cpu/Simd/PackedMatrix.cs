using Stof.Reference.Numerics;
using Stof.Reference.Tensors;

namespace Stof.Reference.Cpu.Simd;

/// <summary>
/// The weight operand B [K, N] of a GEMM, packed once into panels of 32 columns in its own dtype: kernels widen F16 and BF16
/// exactly as they go, at half the memory and half the traffic of floats. Several matrices may be joined along N (query, key
/// and value; gate and up). Packed as F32 are parts of different dtypes, and the rare F16 that the kernels' short widening
/// cannot do: with infinities or NaNs, or with both subnormals and values of 64 or more. Immutable; shared freely between
/// kernels.
/// </summary>
public sealed unsafe class PackedMatrix
{
    private readonly AlignedFloats _panels;

    private PackedMatrix(DType type, int depth, int columns, bool isGated, float halfFactor)
    {
        Type = type;
        Depth = depth;
        Columns = columns;
        IsGated = isGated;
        HalfFactor = halfFactor;
        PanelCount = isGated ? 2 * GemmLayout.Panels(columns / 2) : GemmLayout.Panels(columns);
        _panels = new AlignedFloats(PanelCount * PanelBytes / sizeof(float));
    }

    /// <summary>Dtype of the panels: F32, F16 or BF16.</summary>
    public DType Type { get; }

    /// <summary>K.</summary>
    public int Depth { get; }

    /// <summary>N, both halves of a gated matrix counted.</summary>
    public int Columns { get; }

    /// <summary>True if the two halves of the columns start at a panel each, as SwiGLU needs them.</summary>
    public bool IsGated { get; }

    internal int PanelCount { get; }

    /// <summary>What the bits of an F16 panel, moved to their places in a float, are to be multiplied by.</summary>
    internal float HalfFactor { get; }

    private long PanelBytes => (long)Depth * GemmLayout.PanelColumns * Type.Size();

    /// <summary>First element of a column panel; the panels follow each other without a gap.</summary>
    internal byte* Panel(int index) => (byte*)_panels.Address + (index * PanelBytes);

    /// <summary>Packs weights stored as [N, K], one output per row (a Linear layer); several are joined along N.</summary>
    /// <param name="parts">F32, F16 or BF16, rank 2, all with the same K.</param>
    /// <exception cref="InvalidInputException">No part, a wrong rank or dtype, or depths that differ.</exception>
    public static PackedMatrix FromOutputMajor(params ReadOnlySpan<HostTensor> parts) => Pack(parts, outputMajor: true, gated: false);

    /// <summary>Packs weights stored as [K, N] (GPT-2's Conv1D); several are joined along N.</summary>
    /// <inheritdoc cref="FromOutputMajor"/>
    public static PackedMatrix FromInputMajor(params ReadOnlySpan<HostTensor> parts) => Pack(parts, outputMajor: false, gated: false);

    /// <summary>
    /// Packs weights for <see cref="Activation.SwiGlu"/>: the first half of the joined columns is the gate. One tensor that
    /// holds both, or gate and up apart.
    /// </summary>
    /// <param name="outputMajor">True for parts stored as [N, K], false for [K, N].</param>
    /// <param name="parts">F32, F16 or BF16, rank 2, all with the same K; the joined N is even.</param>
    /// <exception cref="InvalidInputException">As for the others, or N is odd.</exception>
    public static PackedMatrix Gated(bool outputMajor, params ReadOnlySpan<HostTensor> parts) => Pack(parts, outputMajor, gated: true);

    private static PackedMatrix Pack(ReadOnlySpan<HostTensor> parts, bool outputMajor, bool gated)
    {
        if (parts.IsEmpty)
        {
            throw new InvalidInputException(nameof(parts), "none", "one tensor or more");
        }

        var depth = -1;
        var columns = 0;
        var type = parts[0].Type;
        foreach (var part in parts)
        {
            if (part.Rank != 2 || part.Type is not (DType.F32 or DType.F16 or DType.BF16))
            {
                throw new InvalidInputException(nameof(parts), part.ToString(), "a matrix of F32, F16 or BF16");
            }

            var partDepth = part.Shape[outputMajor ? 1 : 0];
            if (depth >= 0 && partDepth != depth)
            {
                throw new InvalidInputException(nameof(parts), part.ToString(), $"depth {depth} as in the first");
            }

            depth = partDepth;
            columns += part.Shape[outputMajor ? 0 : 1];
            type = part.Type == type ? type : DType.F32;
        }

        if (gated && columns % 2 != 0)
        {
            throw new InvalidInputException(nameof(parts), $"{columns} columns in total", "an even number");
        }

        var scaling = type == DType.F16 ? HalfScaling.For(parts) : default;
        type = type == DType.F16 && !scaling.IsPossible ? DType.F32 : type;
        var result = new PackedMatrix(type, depth, columns, gated, scaling.Factor);
        var start = 0;
        foreach (var part in parts)
        {
            switch (type)
            {
                case DType.F16:
                    result.Fill<ushort>(scaling.Apply(part), start, outputMajor);
                    break;
                case DType.BF16:
                    result.Fill<ushort>(part, start, outputMajor);
                    break;
                default:
                    result.Fill<float>(part.To(DType.F32), start, outputMajor);
                    break;
            }

            start += part.Shape[outputMajor ? 0 : 1];
        }

        return result;
    }

    private void Fill<T>(HostTensor part, int start, bool outputMajor)
        where T : unmanaged
    {
        var (rows, width) = (part.Shape[0], part.Shape[1]);
        for (var row = 0; row < rows; row++)
        {
            var line = (T*)part.Address + ((long)row * width);
            if (outputMajor)
            {
                var target = Column<T>(start + row);
                for (var k = 0; k < width; k++)
                {
                    target[(long)k * GemmLayout.PanelColumns] = line[k];
                }
            }
            else
            {
                for (var j = 0; j < width; j++)
                {
                    Column<T>(start + j)[(long)row * GemmLayout.PanelColumns] = line[j];
                }
            }
        }

        GC.KeepAlive(part);
    }

    private T* Column<T>(int column)
        where T : unmanaged
    {
        var half = Columns / 2;
        var padded = IsGated && column >= half ? column - half + (PanelCount / 2 * GemmLayout.PanelColumns) : column;
        var inPanel = padded % GemmLayout.PanelColumns;
        if (sizeof(T) == sizeof(ushort))
        {
            inPanel = (inPanel % GemmLayout.PairDistance * 2) + (inPanel / GemmLayout.PairDistance);
        }

        return (T*)Panel(padded / GemmLayout.PanelColumns) + inPanel;
    }
}
