using System.Collections.Immutable;
using Stof.Reference.Cuda.Ptx;

namespace Stof.Reference.Cuda.Truth;

/// <summary>Probes of matrix products, and of loads and stores of matrices.</summary>
internal static class MatrixProbes
{
    private const int RowBytes = 16;
    private const int WarpBytes = 32 * RowBytes;

    private static readonly Func<Random, ulong> Any = random => OperandSampler.Next(random, RegisterType.B32);

    // How operands are drawn. Sums of small whole numbers are exact in any order, so that bits are compared.
    private enum Numbers
    {
        Whole,
        Real,
        WithInfinities,
    }

    private enum Element
    {
        F16,
        BF16,
        F32,
    }

    /// <summary>All that a target has.</summary>
    public static ImmutableArray<WarpProbe> All(Target target)
    {
        var probes = ImmutableArray.CreateBuilder<WarpProbe>();
        foreach (var count in new[] { 1, 2, 4 })
        {
            foreach (var transposed in new[] { false, true })
            {
                probes.Add(Load(target, count, transposed));
                if (target.Has(MatrixMemoryInstructions.Store(count, transposed).Requires))
                {
                    probes.Add(Store(target, count, transposed));
                }
            }
        }

        foreach (var numbers in Enum.GetValues<Numbers>())
        {
            probes.Add(Product(target, MatrixInstructions.F16K16, Element.F16, Element.F32, numbers));
            probes.Add(Product(target, MatrixInstructions.F16K8, Element.F16, Element.F32, numbers));
            probes.Add(Product(target, MatrixInstructions.BF16K16, Element.BF16, Element.F32, numbers));
            probes.Add(Product(target, MatrixInstructions.BF16K8, Element.BF16, Element.F32, numbers));
            probes.Add(Product(target, MatrixInstructions.Tf32K8, Element.F32, Element.F32, numbers));
            probes.Add(Product(target, MatrixInstructions.F16K16HalfSums, Element.F16, Element.F16, numbers));
            probes.Add(Product(target, MatrixInstructions.F16K8HalfSums, Element.F16, Element.F16, numbers));
        }

        return probes.ToImmutable();
    }

    // Four operands are the 16 bytes that a lane stores; the fifth says whose bytes are the row that its address names.
    private static WarpProbe Load(Target target, int count, bool transposed) => new(
        MatrixMemoryInstructions.Load(count, transposed).Name,
        target,
        count,
        [Any, Any, Any, Any, Any],
        (k, operands) =>
        {
            var rows = WarpRows(k);
            var bits = k.And(operands[4], 31);
            k.StoreSharedVector(RowOf(k, rows, k.LaneId()), operands.AsSpan(0, 4));
            k.Barrier();
            return k.LoadMatrix(RowOf(k, rows, bits), count, transposed);
        });

    private static WarpProbe Store(Target target, int count, bool transposed) => new(
        MatrixMemoryInstructions.Store(count, transposed).Name,
        target,
        4,
        [Any, Any, Any, Any],
        (k, operands) =>
        {
            var row = RowOf(k, WarpRows(k), k.LaneId());
            k.StoreSharedVector(row, operands.AsSpan(0, 4));
            k.Barrier();
            k.StoreMatrix(row, operands.AsSpan(0, count), transposed);
            k.Barrier();
            return k.LoadSharedVector<B32>(row, 4);
        });

    private static SharedPointer WarpRows(KernelBuilder k)
    {
        var rows = k.AddressOf(k.Shared("rows", InstructionProbe.Threads / 32 * WarpBytes));
        return new SharedPointer(k.Mad(k.ShrU32(k.ThreadX(), 5), WarpBytes, rows.Base), rows.Offset);
    }

    private static SharedPointer RowOf(KernelBuilder k, SharedPointer rows, B32 row) => rows with { Base = k.Mad(row, RowBytes, rows.Base) };

    private static WarpProbe Product(Target target, Opcode opcode, Element element, Element sums, Numbers numbers)
    {
        var (d, a, b) = (opcode.Slots[0].Count, opcode.Slots[1].Count, opcode.Slots[2].Count);
        var sources = Enumerable.Repeat(Sampler(element, numbers), a + b).Concat(Enumerable.Repeat(Sampler(sums, numbers), d));
        var isHalf = sums == Element.F16;
        return new WarpProbe(
            $"{opcode.Name} {numbers switch { Numbers.Whole => "whole numbers", Numbers.Real => "reals", _ => "with infinities" }}",
            target,
            d,
            [.. sources],
            (k, operands) =>
            {
                var registers = operands.Select(operand => operand.Operand).ToArray();
                for (var i = a + b; !isHalf && i < registers.Length; i++)
                {
                    registers[i] = k.FloatOf(operands[i]).Operand;
                }

                Operand[] results = [.. Enumerable.Range(0, d).Select(_ => k.NewRegister(isHalf ? RegisterType.B32 : RegisterType.F32))];
                k.Emit(opcode, [.. results, .. registers], "", 0);
                return [.. results.Select(result => isHalf ? new B32(result) : k.Bits(new F32(result)))];
            })
        {
            Sum = numbers == Numbers.Whole ? null : (opcode.Accuracy, isHalf ? HalfPair : Float),
            Magnitude = (row, bits) => bits & ((row < a + b ? element : sums) == Element.F32 ? 0x7fffffffu : 0x7fff7fffu),
        };
    }

    private static double[] Float(uint bits) => [BitConverter.UInt32BitsToSingle(bits)];

    private static double[] HalfPair(uint bits) =>
        [(double)BitConverter.UInt16BitsToHalf((ushort)bits), (double)BitConverter.UInt16BitsToHalf((ushort)(bits >> 16))];

    private static Func<Random, ulong> Sampler(Element element, Numbers numbers) => element switch
    {
        Element.F32 => random => BitConverter.SingleToUInt32Bits(Number(random, numbers)),
        Element.F16 => random => Half(random, numbers) | ((ulong)Half(random, numbers) << 16),
        _ => random => BFloat(random, numbers) | (BFloat(random, numbers) << 16),
    };

    private static ushort Half(Random random, Numbers numbers) => BitConverter.HalfToUInt16Bits((Half)Number(random, numbers));

    private static ulong BFloat(Random random, Numbers numbers) => BitConverter.SingleToUInt32Bits(Number(random, numbers)) >> 16;

    private static float Number(Random random, Numbers numbers) => numbers switch
    {
        Numbers.Whole => random.Next(-8, 9),
        Numbers.WithInfinities when random.Next(40) == 0 => random.Next(3) switch
        {
            0 => float.PositiveInfinity,
            1 => float.NegativeInfinity,
            _ => float.NaN,
        },
        _ => (float)((random.NextDouble() - 0.5) * Math.ScaleB(1, random.Next(-3, 4))),
    };
}
