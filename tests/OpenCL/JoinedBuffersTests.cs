using Stof.Reference.Conformance.Tests.OpenCL;
using Stof.Reference.Masks;
using Stof.Reference.Numerics;
using Stof.Reference.OpenCL.Execution;
using Stof.Reference.OpenCL.Execution.Attention;
using Stof.Reference.Operators;
using Stof.Reference.Tensors;
using Stof.Reference.Tests;

namespace Stof.Reference.OpenCL.Tests;

/// <summary>Tensors of an attention lie in the buffer of its lists, or where that would be too large in buffers of their own: the same bits.</summary>
public sealed class JoinedBuffersTests
{
    private const int Seed = 31;
    private const int Heads = 2;
    private const int Length = 200;
    private const int Size = 64;
    private const long TensorBytes = 4L * Heads * Length * Size * sizeof(float); // Q, K, V and O

    [Theory]
    [InlineData(Mapping.Lanes, AttentionKernelChoice.Blockwise, 1)]
    [InlineData(Mapping.Lanes, AttentionKernelChoice.Rowwise, 1)]
    [InlineData(Mapping.Groups, AttentionKernelChoice.Blockwise, 1)]
    [InlineData(Mapping.Groups, AttentionKernelChoice.Blockwise, 2)]
    [InlineData(Mapping.Groups, AttentionKernelChoice.Rowwise, 1)]
    public void Buffers_of_their_own_give_the_same_bits(Mapping mapping, AttentionKernelChoice kernel, int splits)
    {
        var device = OpenClHere.Device;
        var joined = Run(device, mapping, kernel, splits, isJoined: true);

        // Tensors alone would fit the first of these, and not with the lists; the second holds O and the lists, and no more than the inputs.
        Assert.Equal(joined, Run(device with { MaxBufferBytes = TensorBytes + 600 }, mapping, kernel, splits, isJoined: false));
        Assert.Equal(joined, Run(device with { MaxBufferBytes = TensorBytes / 4 * 3 }, mapping, kernel, splits, isJoined: false));
    }

    private static byte[] Run(OpenClDevice at, Mapping mapping, AttentionKernelChoice kernel, int splits, bool isJoined)
    {
        var problem = new AttentionProblem
        {
            Batch = 1,
            QueryHeads = Heads,
            KvHeads = Heads,
            QueryLength = Length,
            KvLength = Length,
            HeadSize = Size,
            Mask = new SlidingMask(40),
            KvSplits = splits,
            LogSumExp = LogSumExpOutput.Natural,
        };
        var random = new Random(Seed);
        HostTensor Drawn() => Seeded.Tensor(random, DType.F32, 1, Heads, Length, Size);
        using var device = new KernelDevice(at, new OpenClOptions { Mapping = mapping, MatrixUnits = MatrixUnits.None });
        using var attention = new OpenClAttention(device, problem, problem, AttentionChooser.Choose(device, problem, kernel));
        attention.SetInputs(Drawn(), Drawn(), Drawn());
        attention.Run();
        var (output, logSumExp) = (HostTensor.Uninitialized(DType.F32, 1, Heads, Length, Size), HostTensor.Uninitialized(DType.F32, 1, Heads, Length));
        attention.GetOutputs(output, logSumExp);
        Assert.Equal(!isJoined, device.Programs.Logs.Any(program => program.Spec.Header.Contains("#define IS_JOINED 0\n", StringComparison.Ordinal)));
        return [.. output.Bytes, .. logSumExp.Bytes];
    }
}
