namespace Stof.Reference.Backends;

/// <summary>
/// The values of one graph while it runs. Buffers are made when a step first asks for them: a fused segment never asks for what it does not
/// store.
/// </summary>
/// <typeparam name="T">What holds a value: a tensor, or a device's buffer.</typeparam>
/// <param name="count">Values of the graph.</param>
/// <param name="allocate">Makes the buffer of a value.</param>
public sealed class Frame<T>(int count, Func<int, T> allocate)
    where T : class
{
    private readonly T?[] _values = new T?[count];

    /// <summary>The buffer of a value: [rows, width] in the workload's dtype, or float scores [batch, heads, length, length].</summary>
    public T this[int index]
    {
        get => _values[index] ??= allocate(index);
        set => _values[index] = value;
    }
}
