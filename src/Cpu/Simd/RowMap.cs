using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using Stof.Reference.Numerics;

namespace Stof.Reference.Cpu.Simd;

/// <summary>Operands of one <see cref="RowMap"/>: a block of rows. Strides are in bytes; absent operands are null.</summary>
internal unsafe struct RowMapArguments
{
    public byte* First;
    public byte* Second;
    public nint InputStride;
    public float* Bias;
    public float* SecondBias;
    public byte* Residual;
    public nint ResidualStride;
    public byte* Output;
    public nint OutputStride;

    /// <summary>Bytes from one group of sixteen outputs to the next; larger than the group in a packed layout.</summary>
    public nint OutputGroupStride;
    public int Rows;
    public int Columns;

    /// <summary>From an input element read to the one to ask for, in bytes; 0 where the data are in cache.</summary>
    public nint InputAhead;

    /// <summary>The same for the residual.</summary>
    public nint ResidualAhead;

    /// <summary>The same for the output; 0 for none.</summary>
    public nint OutputAhead;

    /// <summary>What becomes of the results.</summary>
    public RowEnd End;

    /// <summary>
    /// Where to put the sums of <see cref="NormRow.Lanes"/> virtual lanes over the results' whole chunks, of one row; for
    /// <see cref="RowEnd.Summed"/> and <see cref="RowEnd.Squared"/>.
    /// </summary>
    public float* Sums;
}

/// <summary>
/// y = activation(x + bias) + residual over a block of rows, in float, rounded once at the store. This is the whole
/// element-wise part of a GEMM epilogue and, fed from memory, of every memory-bound operator.
/// </summary>
internal static unsafe class RowMap
{
    private const int Lanes = 16;
    private const int Chunk = 4; // groups, as many as a norm sums side by side

    /// <summary>Picks the compiled loop for the given types.</summary>
    public static delegate*<in RowMapArguments, void> Select(DType input, DType residual, DType output, Activation activation) =>
        input switch
        {
            DType.F16 => SelectResidual<ElementF16>(residual, output, activation),
            DType.BF16 => SelectResidual<ElementBF16>(residual, output, activation),
            _ => SelectResidual<ElementF32>(residual, output, activation),
        };

    private static delegate*<in RowMapArguments, void> SelectResidual<TIn>(DType residual, DType output, Activation activation)
        where TIn : struct, IElement => residual switch
        {
            DType.F16 => SelectOutput<TIn, ElementF16>(output, activation),
            DType.BF16 => SelectOutput<TIn, ElementBF16>(output, activation),
            _ => SelectOutput<TIn, ElementF32>(output, activation),
        };

    private static delegate*<in RowMapArguments, void> SelectOutput<TIn, TResidual>(DType output, Activation activation)
        where TIn : struct, IElement
        where TResidual : struct, IElement => output switch
        {
            DType.F16 => SelectActivation<TIn, TResidual, ElementF16>(activation),
            DType.BF16 => SelectActivation<TIn, TResidual, ElementBF16>(activation),
            _ => SelectActivation<TIn, TResidual, ElementF32>(activation),
        };

    private static delegate*<in RowMapArguments, void> SelectActivation<TIn, TResidual, TOut>(Activation activation)
        where TIn : struct, IElement
        where TResidual : struct, IElement
        where TOut : struct, IElement => activation switch
        {
            Activation.Relu => &Run<TIn, TResidual, TOut, ReluFunction>,
            Activation.GeluErf => &Run<TIn, TResidual, TOut, GeluErfFunction>,
            Activation.GeluTanh => &Run<TIn, TResidual, TOut, GeluTanhFunction>,
            Activation.Silu => &Run<TIn, TResidual, TOut, SiluFunction>,
            Activation.SwiGlu => &Run<TIn, TResidual, TOut, SwiGluFunction>,
            _ => &Run<TIn, TResidual, TOut, IdentityFunction>,
        };

    private static void Run<TIn, TResidual, TOut, TActivation>(in RowMapArguments arguments)
        where TIn : struct, IElement
        where TResidual : struct, IElement
        where TOut : struct, IElement
        where TActivation : struct, IActivation
    {
        var row = arguments;
        var groups = row.Columns / Lanes;
        var tail = row.Columns % Lanes;
        for (var i = 0; i < arguments.Rows; i++)
        {
            Groups<TIn, TResidual, TOut, TActivation>(in row, groups);
            if (tail != 0)
            {
                Tail<TIn, TResidual, TOut, TActivation>(in row, groups, tail);
            }

            row.First += row.InputStride;
            row.Second += row.InputStride;
            row.Residual += row.ResidualStride;
            row.Output += row.OutputStride;
        }
    }

    // One loop for each case: a loop without branches is scheduled as one piece and loads its constants once.
    private static void Groups<TIn, TResidual, TOut, TActivation>(in RowMapArguments row, int groups)
        where TIn : struct, IElement
        where TResidual : struct, IElement
        where TOut : struct, IElement
        where TActivation : struct, IActivation
    {
        if (row.Bias is null)
        {
            Groups<TIn, Without, TResidual, TOut, TActivation>(in row, groups);
        }
        else
        {
            Groups<TIn, With, TResidual, TOut, TActivation>(in row, groups);
        }
    }

    private static void Groups<TIn, TBias, TResidual, TOut, TActivation>(in RowMapArguments row, int groups)
        where TIn : struct, IElement
        where TBias : struct, IPresence
        where TResidual : struct, IElement
        where TOut : struct, IElement
        where TActivation : struct, IActivation
    {
        if (row.Residual is null)
        {
            Groups<TIn, TBias, TResidual, Without, TOut, TActivation>(in row, groups);
        }
        else
        {
            Groups<TIn, TBias, TResidual, With, TOut, TActivation>(in row, groups);
        }
    }

    private static void Groups<TIn, TBias, TResidual, TAdded, TOut, TActivation>(in RowMapArguments row, int groups)
        where TIn : struct, IElement
        where TBias : struct, IPresence
        where TResidual : struct, IElement
        where TAdded : struct, IPresence
        where TOut : struct, IElement
        where TActivation : struct, IActivation
    {
        switch (row.End)
        {
            case RowEnd.Streamed:
                Groups<TIn, TBias, TResidual, TAdded, TOut, TActivation, StreamedRow>(in row, groups);
                break;
            case RowEnd.Summed:
                Groups<TIn, TBias, TResidual, TAdded, TOut, TActivation, SummedRow>(in row, groups);
                break;
            case RowEnd.Squared:
                Groups<TIn, TBias, TResidual, TAdded, TOut, TActivation, SquaredRow>(in row, groups);
                break;
            default:
                Groups<TIn, TBias, TResidual, TAdded, TOut, TActivation, StoredRow>(in row, groups);
                break;
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void Groups<TIn, TBias, TResidual, TAdded, TOut, TActivation, TEnd>(in RowMapArguments row, int groups)
        where TIn : struct, IElement
        where TBias : struct, IPresence
        where TResidual : struct, IElement
        where TAdded : struct, IPresence
        where TOut : struct, IElement
        where TActivation : struct, IActivation
        where TEnd : struct, IRowEnd
    {
        var first = row.First;
        var second = row.Second;
        var bias = row.Bias;
        var secondBias = row.SecondBias;
        var residual = row.Residual;
        var output = row.Output;
        var outputGroupStride = row.OutputGroupStride;
        var ask = first + row.InputAhead; // through both halves of a gate's row one after the other
        var residualAhead = row.ResidualAhead;
        var outputAhead = row.OutputAhead;
        var table = TActivation.Table;
        Vector512<float> sumA = default, sumB = default, sumC = default, sumD = default;
        for (; groups >= Chunk; groups -= Chunk)
        {
            // Four groups side by side: few registers wait for each other, and each constant is loaded once for all four.
            if (TActivation.IsGated)
            {
                Prefetch.NearLines<TIn>(ask);
                Prefetch.NearLines<TIn>(ask + (Chunk * Lanes * TIn.Size));
                ask += 2 * Chunk * Lanes * TIn.Size;
            }
            else
            {
                Prefetch.Lines<TIn>(ask);
                ask += Chunk * Lanes * TIn.Size;
            }

            var a = TIn.Load(first);
            var b = TIn.Load(first + (Lanes * TIn.Size));
            var c = TIn.Load(first + (2 * Lanes * TIn.Size));
            var d = TIn.Load(first + (3 * Lanes * TIn.Size));
            first += Chunk * Lanes * TIn.Size;
            if (TBias.IsPresent)
            {
                a += Vector512.Load(bias);
                b += Vector512.Load(bias + Lanes);
                c += Vector512.Load(bias + (2 * Lanes));
                d += Vector512.Load(bias + (3 * Lanes));
                bias += Chunk * Lanes;
            }

            if (TActivation.IsGated)
            {
                var otherA = TIn.Load(second);
                var otherB = TIn.Load(second + (Lanes * TIn.Size));
                var otherC = TIn.Load(second + (2 * Lanes * TIn.Size));
                var otherD = TIn.Load(second + (3 * Lanes * TIn.Size));
                second += Chunk * Lanes * TIn.Size;
                if (TBias.IsPresent)
                {
                    otherA += Vector512.Load(secondBias);
                    otherB += Vector512.Load(secondBias + Lanes);
                    otherC += Vector512.Load(secondBias + (2 * Lanes));
                    otherD += Vector512.Load(secondBias + (3 * Lanes));
                    secondBias += Chunk * Lanes;
                }

                a = TActivation.Apply(a, otherA, table);
                b = TActivation.Apply(b, otherB, table);
                c = TActivation.Apply(c, otherC, table);
                d = TActivation.Apply(d, otherD, table);
            }
            else
            {
                a = TActivation.Apply(a, a, table);
                b = TActivation.Apply(b, b, table);
                c = TActivation.Apply(c, c, table);
                d = TActivation.Apply(d, d, table);
            }

            if (TAdded.IsPresent)
            {
                Prefetch.Lines<TResidual>(residual + residualAhead);
                a += TResidual.Load(residual);
                b += TResidual.Load(residual + (Lanes * TResidual.Size));
                c += TResidual.Load(residual + (2 * Lanes * TResidual.Size));
                d += TResidual.Load(residual + (3 * Lanes * TResidual.Size));
                residual += Chunk * Lanes * TResidual.Size;
            }

            if (!TEnd.IsPresent && !TEnd.IsSummed)
            {
                Prefetch.Lines<TOut>(output + outputAhead);
            }

            TOut.StorePair<TEnd>(output, outputGroupStride, a, b);
            TOut.StorePair<TEnd>(output + (2 * outputGroupStride), outputGroupStride, c, d);
            output += Chunk * outputGroupStride;
            if (TEnd.IsSummed)
            {
                sumA = TEnd.Add(a, sumA);
                sumB = TEnd.Add(b, sumB);
                sumC = TEnd.Add(c, sumC);
                sumD = TEnd.Add(d, sumD);
            }
        }

        if (TEnd.IsSummed)
        {
            sumA.Store(row.Sums);
            sumB.Store(row.Sums + Lanes);
            sumC.Store(row.Sums + (2 * Lanes));
            sumD.Store(row.Sums + (3 * Lanes));
        }

        for (; groups > 0; groups--)
        {
            var value = TIn.Load(first);
            first += Lanes * TIn.Size;
            if (TBias.IsPresent)
            {
                value += Vector512.Load(bias);
                bias += Lanes;
            }

            if (TActivation.IsGated)
            {
                var other = TIn.Load(second);
                second += Lanes * TIn.Size;
                if (TBias.IsPresent)
                {
                    other += Vector512.Load(secondBias);
                    secondBias += Lanes;
                }

                value = TActivation.Apply(value, other, table);
            }
            else
            {
                value = TActivation.Apply(value, value, table);
            }

            if (TAdded.IsPresent)
            {
                value += TResidual.Load(residual);
                residual += Lanes * TResidual.Size;
            }

            TOut.Store(output, value);
            output += outputGroupStride;
        }
    }

    /// <summary>The row's last few elements, through copies that are sixteen wide.</summary>
    private static void Tail<TIn, TResidual, TOut, TActivation>(in RowMapArguments row, int groups, int count)
        where TIn : struct, IElement
        where TResidual : struct, IElement
        where TOut : struct, IElement
        where TActivation : struct, IActivation
    {
        const int Width = 64;
        var buffers = stackalloc byte[6 * Width];
        new Span<byte>(buffers, 6 * Width).Clear();
        var start = groups * Lanes;
        var tail = row;
        tail.First = Copy(buffers, row.First + (start * TIn.Size), count * TIn.Size);
        if (TActivation.IsGated)
        {
            tail.Second = Copy(buffers + Width, row.Second + (start * TIn.Size), count * TIn.Size);
        }

        if (row.Bias is not null)
        {
            tail.Bias = (float*)Copy(buffers + (2 * Width), (byte*)(row.Bias + start), count * sizeof(float));
            if (TActivation.IsGated)
            {
                tail.SecondBias = (float*)Copy(buffers + (3 * Width), (byte*)(row.SecondBias + start), count * sizeof(float));
            }
        }

        if (row.Residual is not null)
        {
            tail.Residual = Copy(buffers + (4 * Width), row.Residual + (start * TResidual.Size), count * TResidual.Size);
        }

        tail.Output = buffers + (5 * Width);
        tail.End = RowEnd.Stored;
        Groups<TIn, TResidual, TOut, TActivation>(in tail, 1);
        Unsafe.CopyBlockUnaligned(row.Output + (groups * row.OutputGroupStride), tail.Output, (uint)(count * TOut.Size));
    }

    private static byte* Copy(byte* buffer, byte* source, int bytes)
    {
        Unsafe.CopyBlockUnaligned(buffer, source, (uint)bytes);
        return buffer;
    }
}
