using Stof.Reference.Cuda.Templates;
using Stof.Reference.Tensors;

namespace Stof.Reference.Cuda.Execution;

/// <summary>A model's weights in the form that kernels read, uploaded once a tensor: plans of one model share them.</summary>
internal sealed class DeviceWeights : IDisposable
{
    private readonly DeviceMemory _memory;
    private readonly Dictionary<(HostTensor Tensor, Form Form), IDeviceBuffer> _buffers = [];

    public DeviceWeights(IKernelDevice device) => _memory = new DeviceMemory(device);

    private enum Form
    {
        Packed,
        PackedGated,
        Vector,
        VectorGated,
        Table,
    }

    /// <summary>Executables and measurers that use them.</summary>
    public int Users { get; set; }

    /// <summary>A product's weight [width, depth].</summary>
    public IDeviceBuffer Packed(HostTensor weight, bool isGated) =>
        Get(weight, isGated ? Form.PackedGated : Form.Packed, () => PackedWeight.Pack(weight, isGated));

    /// <summary>A bias or a norm's parameter as floats, in the order of the packed weight.</summary>
    public IDeviceBuffer Vector(HostTensor vector, bool isGated = false) =>
        Get(vector, isGated ? Form.VectorGated : Form.Vector, () => PackedWeight.PackBias(vector, isGated));

    /// <summary>A table [rows, columns] whose rows are gathered.</summary>
    public IDeviceBuffer Table(HostTensor table) => Get(table, Form.Table, () => DeviceMatrix.Pitched(table));

    /// <inheritdoc/>
    public void Dispose() => _memory.Dispose();

    private IDeviceBuffer Get(HostTensor tensor, Form form, Func<byte[]> pack)
    {
        if (!_buffers.TryGetValue((tensor, form), out var buffer))
        {
            _buffers[(tensor, form)] = buffer = _memory.Upload<byte>(pack());
        }

        return buffer;
    }
}
