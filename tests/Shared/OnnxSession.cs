using System.Runtime.InteropServices;
using Stof.Reference.Numerics;
using Stof.Reference.Tensors;
using static Stof.Reference.Tests.OnnxRuntime;

namespace Stof.Reference.Tests;

/// <summary>
/// A loaded model with its inputs' and outputs' names. <see cref="Run"/> may be called as often as a timing needs.
/// </summary>
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
        Check(((delegate* unmanaged<nint*, nint>)Function(Slot.CreateSessionOptions))(&options));
        _options = options;
        Check(((delegate* unmanaged<nint, int, nint>)Function(Slot.SetIntraOpNumThreads))(options, threads));
        fixed (byte* bytes = model)
        {
            Check(((delegate* unmanaged<nint, void*, nuint, nint, nint*, nint>)Function(Slot.CreateSessionFromArray))(
                Env, bytes, (nuint)model.Length, options, &session));
        }

        _session = session;
        Check(((delegate* unmanaged<int, int, nint*, nint>)Function(Slot.CreateCpuMemoryInfo))(0, 0, &memory));
        _memory = memory;
        _inputs = [.. inputs.Select(NativeText)];
        _outputs = [.. outputs.Select(NativeText)];
    }

    /// <summary>Runs the model once.</summary>
    /// <param name="inputs">One tensor an input, in order; used in place.</param>
    /// <param name="outputs">Filled with the results, in order; their shapes must be right.</param>
    public void Run(ReadOnlySpan<HostTensor> inputs, ReadOnlySpan<HostTensor> outputs)
    {
        if ((inputs.Length, outputs.Length) != (_inputs.Length, _outputs.Length))
        {
            throw new ArgumentException($"{inputs.Length} inputs and {outputs.Length} outputs for {_inputs.Length} and {_outputs.Length}", nameof(inputs));
        }

        var values = new nint[inputs.Length];
        var results = new nint[outputs.Length];
        try
        {
            for (var i = 0; i < values.Length; i++)
            {
                values[i] = MakeValue(inputs[i]);
            }

            // Outputs are handed over preallocated: nothing is copied, and the library refuses a shape that is not its own.
            for (var i = 0; i < results.Length; i++)
            {
                results[i] = MakeValue(outputs[i]);
            }

            fixed (nint* inputNames = _inputs, inputValues = values, outputNames = _outputs, outputValues = results)
            {
                Check(((delegate* unmanaged<nint, nint, nint*, nint*, nuint, nint*, nuint, nint*, nint>)Function(Slot.Run))(
                    _session, 0, inputNames, inputValues, (nuint)values.Length, outputNames, (nuint)results.Length, outputValues));
            }
        }
        finally
        {
            var release = (delegate* unmanaged<nint, void>)Function(Slot.ReleaseValue);
            foreach (var value in values.Concat(results).Where(value => value != 0))
            {
                release(value);
            }

            foreach (var tensor in inputs)
            {
                GC.KeepAlive(tensor);
            }

            foreach (var tensor in outputs)
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

        ((delegate* unmanaged<nint, void>)Function(Slot.ReleaseSession))(_session);
        ((delegate* unmanaged<nint, void>)Function(Slot.ReleaseSessionOptions))(_options);
        ((delegate* unmanaged<nint, void>)Function(Slot.ReleaseMemoryInfo))(_memory);
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
            var make = (delegate* unmanaged<nint, void*, nuint, long*, nuint, int, nint*, nint>)Function(Slot.CreateTensor);
            var (bytes, rank, type) = ((nuint)tensor.Bytes.Length, (nuint)shape.Length, (int)TypeOf(tensor.Type));
            Check(make(_memory, tensor.Address, bytes, extents, rank, type, &value));
        }

        return value;
    }
}
