using Stof.Reference.Numerics;
using Stof.Reference.Tensors;

namespace Stof.Reference.Models;

/// <summary>What a model is run on: token ids [batch, length] (I32 or I64), or images [batch, channels, size, size] (F32).</summary>
public sealed class ModelInput
{
    private ModelInput(int batch, int length, int[]? tokens, HostTensor? pixels)
    {
        Batch = batch;
        Length = length;
        Tokens = tokens;
        Pixels = pixels;
    }

    /// <summary>Batch size.</summary>
    public int Batch { get; }

    /// <summary>Rows per batch item.</summary>
    public int Length { get; }

    /// <summary>Token ids [batch·length], or null.</summary>
    public IReadOnlyList<int>? Tokens { get; }

    /// <summary>Images, or null.</summary>
    public HostTensor? Pixels { get; }

    /// <summary>Takes ids or pixels, checked against the model.</summary>
    /// <exception cref="InvalidInputException">Rank, dtype, size or an id does not fit the model.</exception>
    public static ModelInput From(ModelSpec spec, HostTensor tensor)
    {
        ArgumentNullException.ThrowIfNull(spec);
        ArgumentNullException.ThrowIfNull(tensor);
        if (spec.Input == ModelInputKind.Pixels)
        {
            var size = spec.PatchesPerSide * spec.Patch;
            if (tensor.Type != DType.F32 || tensor.Rank != 4 || tensor.Shape[0] < 1
                || !tensor.HasShape(tensor.Shape[0], spec.Channels, size, size))
            {
                throw new InvalidInputException("pixels", tensor.ToString(), $"F32[batch, {spec.Channels}, {size}, {size}]");
            }

            return new ModelInput(tensor.Shape[0], spec.FixedLength!.Value, null, tensor);
        }

        if (tensor.Rank != 2 || tensor.Type is not (DType.I32 or DType.I64) || tensor.Count == 0)
        {
            throw new InvalidInputException("ids", tensor.ToString(), "I32 or I64 [batch, length], both 1 or more");
        }

        var tokens = new int[tensor.Count];
        for (var i = 0; i < tokens.Length; i++)
        {
            var id = tensor.Type == DType.I64 ? tensor.Span<long>()[i] : tensor.Span<int>()[i];
            if (id < 0 || id >= spec.Vocabulary)
            {
                throw new InvalidInputException($"ids[{i / tensor.Shape[1]}, {i % tensor.Shape[1]}]", $"{id}", $"0 to {spec.Vocabulary - 1}");
            }

            tokens[i] = (int)id;
        }

        RequireLength(spec, tensor.Shape[1]);
        return new ModelInput(tensor.Shape[0], tensor.Shape[1], tokens, null);
    }

    /// <summary>Draws ids uniformly, or pixels from N(0, 1)-like uniform noise of unit variance.</summary>
    /// <exception cref="InvalidInputException">Batch or length is out of the model's range.</exception>
    public static ModelInput Random(ModelSpec spec, int batch, int length, int seed)
    {
        ArgumentNullException.ThrowIfNull(spec);
        if (batch < 1 || length < 1)
        {
            throw new InvalidInputException("batch and length", $"{batch} and {length}", "1 or more");
        }

        var random = new Random(seed);
        if (spec.Input == ModelInputKind.Tokens)
        {
            RequireLength(spec, length);
            var tokens = new int[batch * length];
            for (var i = 0; i < tokens.Length; i++)
            {
                tokens[i] = random.Next(spec.Vocabulary);
            }

            return new ModelInput(batch, length, tokens, null);
        }

        if (length != spec.FixedLength)
        {
            throw new InvalidInputException("length", $"{length}", $"{spec.FixedLength}, fixed by the image size");
        }

        var size = spec.PatchesPerSide * spec.Patch;
        var pixels = HostTensor.Uninitialized(DType.F32, batch, spec.Channels, size, size);
        foreach (ref var pixel in pixels.Span<float>())
        {
            pixel = (float)((random.NextDouble() - 0.5) * Math.Sqrt(12.0));
        }

        return new ModelInput(batch, length, null, pixels);
    }

    private static void RequireLength(ModelSpec spec, int length)
    {
        if (spec.MaxPositions > 0 && length > spec.MaxPositions)
        {
            throw new InvalidInputException("length", $"{length}", $"at most the model's {spec.MaxPositions} positions");
        }
    }
}
