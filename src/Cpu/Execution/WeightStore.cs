using System.Collections.Concurrent;
using Stof.Reference.Cpu.Simd;
using Stof.Reference.Tensors;

namespace Stof.Reference.Cpu.Execution;

/// <summary>Weights in the form that kernels read, made once a tensor: panels for products, floats for vectors.</summary>
internal sealed class WeightStore
{
    private readonly ConcurrentDictionary<(HostTensor Tensor, bool Gated), PackedMatrix> _packed = [];
    private readonly ConcurrentDictionary<HostTensor, float[]> _vectors = [];

    /// <summary>A product's weight [width, depth] in panels.</summary>
    public PackedMatrix Packed(HostTensor weight, bool gated) => _packed.GetOrAdd(
        (weight, gated),
        key => key.Gated ? PackedMatrix.Gated(outputMajor: true, key.Tensor) : PackedMatrix.FromOutputMajor(key.Tensor));

    /// <summary>A bias or a norm's parameter as floats.</summary>
    public float[] Vector(HostTensor weight) => _vectors.GetOrAdd(weight, tensor =>
    {
        var values = new float[tensor.Count];
        tensor.CopyTo(values);
        return values;
    });
}
