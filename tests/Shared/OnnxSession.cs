using System.Runtime.InteropServices;
using Stof.Reference.Numerics;
using Stof.Reference.Tensors;

namespace Stof.Reference.Tests;

/// <summary>A loaded model with its inputs' and outputs' names. <see cref="Run"/> may be called as often as a timing needs.</summary>
internal sealed unsafe class OnnxSession : IDisposable
{
    private readonly nint _options;
    private readonly nint _session;
    private readonly nint _memory;
    private readonly nint[] _inputs;
    private readonly nint[] _outputs;

    /// <summary>Loads a model.</summary>
    /// <param name="model">Its bytes; see <see cref="OnnxModel"/>.</param>
    /// <param name="inputs">Names in the order in which <see cref="Run"/> takes tensors.</param>
    /// <param name="outputs">Names of the results wanted.</param>
    /// <param name="threads">Threads inside an operator.</param>
    public OnnxSession(byte[] model, IEnumerable<string> inputs, IEnumerable<string> outputs, int threads = 1)
    {
        nint options, session, memory;
        OnnxRuntime.Check(((delegate* unmanaged<nint*, nint>)OnnxRuntime.Function(OnnxRuntime.Slot.CreateSessionOptions))(&options));
        _options = options;
        OnnxRuntime.Check(((delegate* unmanaged<nint, int, nint>)OnnxRuntime.Function(OnnxRuntime.Slot.SetIntraOpNumThreads))(options, threads));
        fixed (byte* bytes = model)
        {
            OnnxRuntime.Check(((delegate* unmanaged<nint, void*, nuint, nint, nint*, nint>)OnnxRuntime.Function(OnnxRuntime.Slot.CreateSessionFromArray))(
                OnnxRuntime.Env, bytes, (nuint)model.Length, options, &session));
        }

        _session = session;
        OnnxRuntime.Check(((delegate* unmanaged<int, int, nint*, nint>)OnnxRuntime.Function(OnnxRuntime.Slot.CreateCpuMemoryInfo))(0, 0, &memory));
        _memory = memory;
        _inputs = [.. inputs.Select(OnnxRuntime.NativeText)];
        _outputs = [.. outputs.Select(OnnxRuntime.NativeText)];
    }

    /// <summary>Runs the model once.</summary>
    /// <param name="inputs">One tensor an input, in order; used in place.</param>
    /// <param name="outputs">Filled with the results, in order; their sizes must be right.</param>
    public void Run(ReadOnlySpan<HostTensor> inputs, ReadOnlySpan<HostTensor> outputs)
    {
        Assert.Equal((_inputs.Length, _outputs.Length), (inputs.Length, outputs.Length));
        var values = new nint[inputs.Length];
        var results = new nint[outputs.Length];
        try
        {
            for (var i = 0; i < values.Length; i++)
            {
                values[i] = MakeValue(inputs[i]);
            }

            // Handing over preallocated outputs would spare a copy, but the library then writes where it is told, whatever the size.
            fixed (nint* inputNames = _inputs, inputValues = values, outputNames = _outputs, outputValues = results)
            {
                OnnxRuntime.Check(((delegate* unmanaged<nint, nint, nint*, nint*, nuint, nint*, nuint, nint*, nint>)OnnxRuntime.Function(OnnxRuntime.Slot.Run))(
                    _session, 0, inputNames, inputValues, (nuint)values.Length, outputNames, (nuint)results.Length, outputValues));
            }

            for (var i = 0; i < results.Length; i++)
            {
                void* data;
                OnnxRuntime.Check(((delegate* unmanaged<nint, void**, nint>)OnnxRuntime.Function(OnnxRuntime.Slot.GetTensorMutableData))(results[i], &data));
                new ReadOnlySpan<byte>(data, outputs[i].Bytes.Length).CopyTo(outputs[i].Bytes);
            }
        }
        finally
        {
            var release = (delegate* unmanaged<nint, void>)OnnxRuntime.Function(OnnxRuntime.Slot.ReleaseValue);
            foreach (var value in values.Concat(results).Where(value => value != 0))
            {
                release(value);
            }

            foreach (var tensor in inputs)
            {
                GC.KeepAlive(tensor);
            }
        }
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        foreach (var name in _inputs.Concat(_outputs))
        {
            NativeMemory.Free((void*)name);
        }

        ((delegate* unmanaged<nint, void>)OnnxRuntime.Function(OnnxRuntime.Slot.ReleaseSession))(_session);
        ((delegate* unmanaged<nint, void>)OnnxRuntime.Function(OnnxRuntime.Slot.ReleaseSessionOptions))(_options);
        ((delegate* unmanaged<nint, void>)OnnxRuntime.Function(OnnxRuntime.Slot.ReleaseMemoryInfo))(_memory);
    }

    /// <summary>The ONNX type of a dtype.</summary>
    public static OnnxType TypeOf(DType type) => type switch
    {
        DType.F64 => OnnxType.Double,
        DType.F32 => OnnxType.Float,
        DType.F16 => OnnxType.Half,
        DType.I64 => OnnxType.Int64,
        DType.I32 => OnnxType.Int32,
        DType.Bool => OnnxType.Bool,
        _ => throw new ArgumentOutOfRangeException(nameof(type), type, "no ONNX type"),
    };

    private nint MakeValue(HostTensor tensor)
    {
        var shape = tensor.Shape.ToArray().Select(extent => (long)extent).ToArray();
        nint value;
        fixed (long* extents = shape)
        {
            OnnxRuntime.Check(((delegate* unmanaged<nint, void*, nuint, long*, nuint, int, nint*, nint>)OnnxRuntime.Function(
                OnnxRuntime.Slot.CreateTensorWithDataAsOrtValue))(
                _memory, tensor.Address, (nuint)tensor.Bytes.Length, extents, (nuint)shape.Length, (int)TypeOf(tensor.Type), &value));
        }

        return value;
    }
}
