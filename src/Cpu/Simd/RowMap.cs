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

    /// <summary>The same for the output.</summary>
    public nint OutputAhead;
}

/// <summary>
/// y = activation(x + bias) + residual over a block of rows, in float, rounded once at the store. This is the whole
/// element-wise part of a GEMM epilogue and, fed from memory, of every memory-bound operator.
/// </summary>
internal static unsafe class RowMap
{
    private const int Lanes = 16;

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

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void Groups<TIn, TResidual, TOut, TActivation>(in RowMapArguments row, int groups)
        where TIn : struct, IElement
        where TResidual : struct, IElement
        where TOut : struct, IElement
        where TActivation : struct, IActivation
    {
        var first = row.First;
        var second = row.Second;
        var bias = row.Bias;
        var secondBias = row.SecondBias;
        var residual = row.Residual;
        var output = row.Output;
        var outputGroupStride = row.OutputGroupStride;
        var inputAhead = row.InputAhead;
        var residualAhead = row.ResidualAhead;
        var outputAhead = row.OutputAhead;
        for (var group = 0; group < groups; group++)
        {
            Prefetch.Line(first + inputAhead);
            var value = TIn.Load(first);
            first += Lanes * TIn.Size;
            if (bias is not null)
            {
                value += Vector512.Load(bias + (group * Lanes));
            }

            if (TActivation.IsGated)
            {
                Prefetch.Line(second + inputAhead);
                var other = TIn.Load(second);
                second += Lanes * TIn.Size;
                if (bias is not null)
                {
                    other += Vector512.Load(secondBias + (group * Lanes));
                }

                value = TActivation.Apply(value, other);
            }
            else
            {
                value = TActivation.Apply(value, value);
            }

            if (residual is not null)
            {
                Prefetch.Line(residual + residualAhead);
                value += TResidual.Load(residual);
                residual += Lanes * TResidual.Size;
            }

            Prefetch.Line(output + outputAhead);
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
        Groups<TIn, TResidual, TOut, TActivation>(in tail, 1);
        Unsafe.CopyBlockUnaligned(row.Output + (groups * row.OutputGroupStride), tail.Output, (uint)(count * TOut.Size));
    }

    private static byte* Copy(byte* buffer, byte* source, int bytes)
    {
        Unsafe.CopyBlockUnaligned(buffer, source, (uint)bytes);
        return buffer;
    }
}
