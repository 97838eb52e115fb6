using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;

namespace Stof.Reference.Cuda.Driver;

/// <summary>
/// The parameters of a launch as the kernel finds them: bytes at the offsets of its <c>.param</c> declarations. Either the layout is given and
/// parameters are set by name, or they are added in the order of their declaration, each aligned to its own size. A block can be used for
/// any number of launches.
/// </summary>
public sealed class ParameterBlock
{
    /// <summary>What the oldest supported devices take, in bytes.</summary>
    public const int MaxBytes = 4096;

    private const int PointerBytes = sizeof(ulong);
    private const int VectorAlignment = 16;

    private readonly List<ParameterSlot> _slots = [];
    private readonly List<bool> _isSet = [];
    private readonly Dictionary<int, (CudaMemoryView View, int Alignment)> _buffers = [];
    private readonly Dictionary<int, TensorMap> _maps = [];
    private readonly bool _isFixed;

    private byte[] _bytes = [];

    /// <summary>An empty block, to which parameters are added in order.</summary>
    public ParameterBlock()
    {
    }

    /// <summary>A block of a given layout, such as a kernel builder's.</summary>
    /// <param name="slots">The parameters by ascending offset.</param>
    /// <exception cref="InvalidInputException">Slots overlap, have no size, or the block is too large.</exception>
    public ParameterBlock(IEnumerable<ParameterSlot> slots)
    {
        ArgumentNullException.ThrowIfNull(slots);
        foreach (var slot in slots)
        {
            if (slot.Bytes <= 0 || slot.Offset < _bytes.Length)
            {
                throw new InvalidInputException(
                    $"parameter '{slot.Name}'",
                    $"{slot.Bytes} bytes at offset {slot.Offset}",
                    $"at least one byte, from offset {_bytes.Length} on");
            }

            Append(slot);
        }

        _isFixed = true;
    }

    /// <summary>The layout.</summary>
    public IReadOnlyList<ParameterSlot> Slots => _slots;

    /// <summary>The bytes that the kernel gets.</summary>
    public ReadOnlySpan<byte> Bytes => _bytes;

    /// <summary>Adds a number of 1, 2, 4 or 8 bytes.</summary>
    public ParameterBlock Add<T>(T value)
        where T : unmanaged
    {
        RequireScalar<T>("");
        Write(Next(Unsafe.SizeOf<T>(), Unsafe.SizeOf<T>()), value);
        return this;
    }

    /// <summary>Adds a device pointer.</summary>
    /// <param name="buffer">What it points to.</param>
    /// <param name="alignment">The widest access of the kernel in bytes; 16 unless it says otherwise.</param>
    public ParameterBlock Add(CudaMemoryView buffer, int alignment = VectorAlignment)
    {
        Write(Next(PointerBytes, PointerBytes), buffer, alignment);
        return this;
    }

    /// <summary>Adds a tensor map (128 bytes, aligned to 64).</summary>
    public ParameterBlock Add(TensorMap map)
    {
        ArgumentNullException.ThrowIfNull(map);
        Write(Next(TensorMap.Size, TensorMap.Alignment), map);
        return this;
    }

    /// <summary>Sets a number; its size must be the parameter's.</summary>
    /// <exception cref="InvalidInputException">There is no such parameter, or it has another size.</exception>
    public ParameterBlock Set<T>(string name, T value)
        where T : unmanaged
    {
        RequireScalar<T>(name);
        Write(Find(name, Unsafe.SizeOf<T>()), value);
        return this;
    }

    /// <summary>Sets a device pointer.</summary>
    /// <inheritdoc cref="Add(CudaMemoryView, int)"/>
    /// <exception cref="InvalidInputException">There is no such parameter, or it has another size.</exception>
    public ParameterBlock Set(string name, CudaMemoryView buffer, int alignment = VectorAlignment)
    {
        Write(Find(name, PointerBytes), buffer, alignment);
        return this;
    }

    /// <summary>Sets a tensor map.</summary>
    /// <exception cref="InvalidInputException">There is no such parameter, or it has another size.</exception>
    public ParameterBlock Set(string name, TensorMap map)
    {
        ArgumentNullException.ThrowIfNull(map);
        Write(Find(name, TensorMap.Size), map);
        return this;
    }

    /// <summary>Checks that everything is set, and that every buffer may be used in a context by its alignment.</summary>
    internal void Require(PrimaryContext context)
    {
        var missing = _isSet.IndexOf(false);
        if (missing >= 0)
        {
            throw new InvalidInputException($"parameter '{_slots[missing].Name}'", "not set", "a value before the launch");
        }

        foreach (var (index, (view, alignment)) in _buffers)
        {
            view.Require(context, _slots[index].Name is { Length: > 0 } name ? name : "parameter", alignment);
        }

        foreach (var map in _maps.Values)
        {
            map.Memory.View().Require(context, "tensor map");
        }
    }

    /// <summary>Notes that work on a stream uses the buffers.</summary>
    internal void MarkUsed(CudaStream stream)
    {
        foreach (var (view, _) in _buffers.Values)
        {
            stream.MarkUsed(view.Memory);
        }

        foreach (var map in _maps.Values)
        {
            stream.MarkUsed(map.Memory);
        }
    }

    private static void RequireScalar<T>(string name)
        where T : unmanaged
    {
        if (Unsafe.SizeOf<T>() is not (1 or 2 or 4 or 8))
        {
            throw new InvalidInputException($"parameter '{name}'", $"a {typeof(T).Name} of {Unsafe.SizeOf<T>()} bytes", "1, 2, 4 or 8 bytes");
        }
    }

    private int Next(int bytes, int alignment)
    {
        if (_isFixed)
        {
            throw new InvalidInputException("parameter", "one more than the layout has", "Set by name, for this block's layout is given");
        }

        var offset = (_bytes.Length + alignment - 1) / alignment * alignment;
        Append(new ParameterSlot("", offset, bytes));
        return _slots.Count - 1;
    }

    private void Append(ParameterSlot slot)
    {
        if (slot.Offset + slot.Bytes > MaxBytes)
        {
            throw new InvalidInputException("parameters", $"{slot.Offset + slot.Bytes:N0} bytes", $"at most {MaxBytes:N0}");
        }

        _slots.Add(slot);
        _isSet.Add(false);
        Array.Resize(ref _bytes, slot.Offset + slot.Bytes);
    }

    private int Find(string name, int bytes)
    {
        var index = _slots.FindIndex(slot => slot.Name == name);
        if (index < 0 || name.Length == 0)
        {
            throw new InvalidInputException("parameter", $"'{name}'", $"one of {string.Join(", ", _slots.Select(slot => $"'{slot.Name}'"))}");
        }

        return _slots[index].Bytes == bytes
            ? index
            : throw new InvalidInputException($"parameter '{name}'", $"a value of {bytes} bytes", $"{_slots[index].Bytes} bytes");
    }

    private void Write<T>(int index, T value)
        where T : unmanaged
    {
        MemoryMarshal.Write(Place(index), in value);
    }

    private void Write(int index, CudaMemoryView buffer, int alignment)
    {
        if (buffer.Memory is null)
        {
            throw new InvalidInputException($"parameter '{_slots[index].Name}'", "no buffer", "device memory");
        }

        Write(index, buffer.Address);
        _buffers[index] = (buffer, alignment);
    }

    private void Write(int index, TensorMap map)
    {
        map.Bytes.CopyTo(Place(index));
        _maps[index] = map;
    }

    private Span<byte> Place(int index)
    {
        _isSet[index] = true;
        _buffers.Remove(index);
        _maps.Remove(index);
        return _bytes.AsSpan(_slots[index].Offset, _slots[index].Bytes);
    }
}
