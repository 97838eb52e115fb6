using Stof.Reference.Numerics;
using Stof.Reference.Tensors;

namespace Stof.Reference.Cpu.Simd;

/// <summary>
/// The weight operand B [K, N] of a GEMM, widened exactly to float and packed once into panels of 32 columns. Several
/// matrices may be joined along N (query, key and value; gate and up). Immutable; shared freely between kernels.
/// </summary>
public sealed unsafe class PackedMatrix
{
    private readonly AlignedFloats _panels;

    private PackedMatrix(int depth, int columns, bool isGated)
    {
        Depth = depth;
        Columns = columns;
        IsGated = isGated;
        PanelCount = isGated ? 2 * GemmLayout.Panels(columns / 2) : GemmLayout.Panels(columns);
        _panels = new AlignedFloats((long)PanelCount * depth * GemmLayout.PanelColumns);
    }

    /// <summary>K.</summary>
    public int Depth { get; }

    /// <summary>N, both halves of a gated matrix counted.</summary>
    public int Columns { get; }

    /// <summary>True if the two halves of the columns start at a panel each, as SwiGLU needs them.</summary>
    public bool IsGated { get; }

    internal int PanelCount { get; }

    internal float* Panels => _panels.Address;

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
        }

        if (gated && columns % 2 != 0)
        {
            throw new InvalidInputException(nameof(parts), $"{columns} columns in total", "an even number");
        }

        var result = new PackedMatrix(depth, columns, gated);
        var start = 0;
        foreach (var part in parts)
        {
            result.Fill(part, start, outputMajor);
            start += part.Shape[outputMajor ? 0 : 1];
        }

        return result;
    }

    private void Fill(HostTensor part, int start, bool outputMajor)
    {
        var rows = part.Shape[0];
        var width = part.Shape[1];
        var line = new float[width];
        var elementSize = part.Type.Size();
        for (var row = 0; row < rows; row++)
        {
            Widen(part, (byte*)part.Address + ((long)row * width * elementSize), line);
            if (outputMajor)
            {
                var target = Column(start + row);
                for (var k = 0; k < line.Length; k++)
                {
                    target[(long)k * GemmLayout.PanelColumns] = line[k];
                }
            }
            else
            {
                for (var j = 0; j < line.Length; j++)
                {
                    Column(start + j)[(long)row * GemmLayout.PanelColumns] = line[j];
                }
            }
        }
    }

    private float* Column(int column)
    {
        var half = Columns / 2;
        var padded = IsGated && column >= half ? column - half + (PanelCount / 2 * GemmLayout.PanelColumns) : column;
        var panel = padded / GemmLayout.PanelColumns;
        return Panels + ((long)panel * Depth * GemmLayout.PanelColumns) + (padded % GemmLayout.PanelColumns);
    }

    private static void Widen(HostTensor part, byte* source, Span<float> line)
    {
        switch (part.Type)
        {
            case DType.F16:
                var halves = new ReadOnlySpan<Half>(source, line.Length);
                System.Numerics.Tensors.TensorPrimitives.ConvertToSingle(halves, line);
                break;
            case DType.BF16:
                TensorConversions.Widen(new ReadOnlySpan<BFloat16>(source, line.Length), line);
                break;
            default:
                new ReadOnlySpan<float>(source, line.Length).CopyTo(line);
                break;
        }
    }
}
