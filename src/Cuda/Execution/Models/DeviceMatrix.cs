using Stof.Reference.Cuda.Templates;
using Stof.Reference.Numerics;
using Stof.Reference.Tensors;

namespace Stof.Reference.Cuda.Execution;

/// <summary>Rows in device memory, each at a multiple of sixteen bytes.</summary>
/// <param name="Buffer">Memory; it may be longer.</param>
/// <param name="Type">Type of the elements.</param>
/// <param name="Rows">Rows.</param>
/// <param name="Columns">Columns.</param>
internal sealed record DeviceMatrix(IDeviceBuffer Buffer, DType Type, int Rows, int Columns)
{
    /// <summary>Bytes between rows.</summary>
    public int PitchBytes => RowPitch.Of(Type, Columns) * Type.Size();

    /// <summary>Bytes of rows of a width.</summary>
    public static long BytesOf(DType type, int rows, int columns) => (long)rows * RowPitch.Of(type, columns) * type.Size();

    /// <summary>Reserves rows that hold whatever was there.</summary>
    public static DeviceMatrix Allocate(DeviceMemory memory, DType type, int rows, int columns) =>
        new(memory.Allocate(BytesOf(type, rows, columns)), type, rows, columns);

    /// <summary>Rows of a tensor on the device; all axes but the last are rows.</summary>
    public static DeviceMatrix Upload(DeviceMemory memory, HostTensor tensor)
    {
        var columns = tensor.Shape[^1];
        var rows = tensor.Count / Math.Max(columns, 1);
        return new DeviceMatrix(memory.Upload<byte>(Pitched(tensor)), tensor.Type, rows, columns);
    }

    /// <summary>A vector's values as floats, zeros up to whole tiles of a product behind them.</summary>
    public static IDeviceBuffer UploadVector(DeviceMemory memory, HostTensor vector) => memory.Upload<byte>(PackedWeight.PackBias(vector, isGated: false));

    /// <summary>Rows behind one another with zeros up to the pitch.</summary>
    public static byte[] Pitched(HostTensor tensor)
    {
        var rowBytes = tensor.Shape[^1] * tensor.Type.Size();
        var pitch = RowPitch.Of(tensor.Type, tensor.Shape[^1]) * tensor.Type.Size();
        if (pitch == rowBytes)
        {
            return tensor.Bytes.ToArray();
        }

        var rows = tensor.Bytes.Length / rowBytes;
        var pitched = new byte[rows * pitch];
        for (var row = 0; row < rows; row++)
        {
            tensor.Bytes.Slice(row * rowBytes, rowBytes).CopyTo(pitched.AsSpan(row * pitch));
        }

        return pitched;
    }

    /// <summary>The rows on the host, [rows, columns]; waits for what was launched.</summary>
    public HostTensor Download(IKernelDevice device)
    {
        var tensor = HostTensor.Uninitialized(Type, Rows, Columns);
        var rowBytes = Columns * Type.Size();
        if (rowBytes == PitchBytes)
        {
            device.Read(Buffer, tensor.Bytes);
            return tensor;
        }

        var pitched = new byte[Rows * PitchBytes];
        device.Read(Buffer, pitched);
        for (var row = 0; row < Rows; row++)
        {
            pitched.AsSpan(row * PitchBytes, rowBytes).CopyTo(tensor.Bytes[(row * rowBytes)..]);
        }

        return tensor;
    }
}
