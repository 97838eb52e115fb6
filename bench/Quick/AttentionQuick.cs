using System.Globalization;
using System.Runtime.Intrinsics;
using Stof.Reference.Cpu.Simd.Attention;
using Stof.Reference.Cpu.Simd.Attention.Detached;
using Stof.Reference.Cpu.Threading;
using Stof.Reference.Formats;
using Stof.Reference.Masks;
using Stof.Reference.Numerics;
using Stof.Reference.Operators;
using Stof.Reference.Tensors;

namespace Stof.Reference.Bench.Quick;

/// <summary>
/// Attention rates (batch 1, 8 heads) as a share of the fused-multiply-add peak measured around each line. Work is
/// counted in loaded tiles for the block-wise kernel, in allowed pairs for the row-wise one, in all pairs for the detached
/// operators; beside each time stands what the selector predicted.
/// </summary>
internal static class AttentionQuick
{
    private const int Heads = 8;

    /// <summary>Length of the sequences where none is given.</summary>
    public const int DefaultLength = 2048;

    /// <summary>Head size where none is given.</summary>
    public const int DefaultSize = 64;

    /// <summary>Prints one line a mask, choice and thread count.</summary>
    /// <param name="output">Where to.</param>
    /// <param name="length">S.</param>
    /// <param name="size">D.</param>
    public static void Run(TextWriter output, int length, int size)
    {
        output.WriteLine(Vector512.IsHardwareAccelerated ? "512-bit registers" : "256-bit registers");
        output.WriteLine("threads mask                 choice              best ms  expected  GF/s of work  of peak");
        foreach (var threads in new[] { 1, 2 })
        {
            using var pool = new WorkerPool(threads);
            foreach (var mask in new MaskPattern[] { new FullMask(), new CausalMask(), new SlidingMask(64) })
            {
                var problem = Inputs.Problem(Heads, length, size, mask);
                foreach (var side in new[] { 32, 64, 128 })
                {
                    Kernel(output, problem, new AttentionChoice(AttentionAlgorithm.Blockwise, new TileShape(side, side)), pool);
                }

                Kernel(output, problem, new AttentionChoice(AttentionAlgorithm.Rowwise, TileShape.Default), pool);
                Detached(output, problem, pool);
            }
        }
    }

    private static void Kernel(TextWriter output, AttentionProblem problem, AttentionChoice choice, WorkerPool pool)
    {
        var kernel = new AttentionKernel(problem, choice);
        var operands = Operands(problem);
        var expected = AttentionSelector.Estimates(problem, pool.Threads).FirstOrDefault(estimate => estimate.Choice == choice);
        var counts = TileCounts.Of(kernel.Mask);
        var pairs = choice.Algorithm == AttentionAlgorithm.Blockwise
            ? (counts.Full + counts.Part) * choice.Tile.Rows * choice.Tile.Columns
            : counts.Allowed;
        Line(output, problem, choice.ToString(), pairs, expected.Nanoseconds / 1e6, pool, () => kernel.Run(operands, pool));
    }

    private static void Detached(TextWriter output, AttentionProblem problem, WorkerPool pool)
    {
        if ((long)Heads * problem.QueryLength * problem.KvLength * sizeof(float) > int.MaxValue)
        {
            return; // its scores would be a tensor above 2 GiB
        }

        var operands = Operands(problem);
        var scores = HostTensor.Zeros(DType.F32, 1, Heads, problem.QueryLength, problem.KvLength);
        var (product, scaleMask, softmax, sum) =
            (new ScoreProduct(problem), new ScaleMask(problem), new RowSoftmax(problem), new WeightedSum(problem));
        Line(output, problem, "detached", (long)problem.QueryLength * problem.KvLength, 0, pool, () =>
        {
            product.Run(operands.Query, operands.Key, scores, pool);
            scaleMask.Run(scores, pool);
            softmax.Run(scores, pool);
            sum.Run(scores, operands.Value, operands.Output, pool);
        });
    }

    private static AttentionOperands Operands(AttentionProblem problem)
    {
        HostTensor Normal(int seed) => Inputs.Normal(DType.F32, seed, 1, Heads, problem.QueryLength, problem.HeadSize);
        return AttentionOperands.Of(problem, Normal(1), Normal(2), Normal(3), Normal(4));
    }

    private static void Line(
        TextWriter output, AttentionProblem problem, string choice, long pairs, double expected, WorkerPool pool, Action action)
    {
        var peak = Peak.FmaGflops(pool);
        var timing = Timing.Of(action);
        peak = Math.Max(peak, Peak.FmaGflops(pool));
        var rate = 4.0 * problem.HeadSize * Heads * pairs / timing.BestSeconds / 1e9;
        output.WriteLine(string.Create(
            CultureInfo.InvariantCulture,
            $"{pool.Threads,7} {problem.Mask,-20} {choice,-18} {timing.BestSeconds * 1e3,8:F2} {expected,9:F2} ")
            + string.Create(CultureInfo.InvariantCulture, $"{rate,13:F1} {rate / peak,8:P0}"));
    }
}
