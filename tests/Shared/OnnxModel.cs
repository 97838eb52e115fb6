using System.Runtime.InteropServices;
using System.Text;
using Stof.Reference.Tensors;

namespace Stof.Reference.Tests;

/// <summary>Element types of ONNX tensors, by their numbers in onnx.proto.</summary>
internal enum OnnxType
{
    Float = 1,
    Int32 = 6,
    Int64 = 7,
    Bool = 9,
    Half = 10,
    Double = 11,
}

/// <summary>An input or output of a model: name, type and fixed shape (null where the node computes it).</summary>
internal sealed record OnnxValue(string Name, OnnxType Type, int[]? Shape);

/// <summary>A node of a model.</summary>
/// <param name="OperatorType">Such as <c>Attention</c>.</param>
/// <param name="Domain">Empty for ai.onnx, or <c>com.microsoft</c>.</param>
/// <param name="Inputs">Names in the operator's order; empty leaves an optional one out.</param>
/// <param name="Outputs">Names in the operator's order.</param>
/// <param name="Attributes">Of type long, float or string.</param>
internal sealed record OnnxNode(
    string OperatorType, string Domain, IReadOnlyList<string> Inputs, IReadOnlyList<string> Outputs, params IReadOnlyList<(string Name, object Value)> Attributes);

/// <summary>
/// Writes the bytes of an ONNX model. Protocol buffers are tags (field number · 8 + wire type) and values; the few fields
/// that a model needs are numbered in onnx.proto.
/// </summary>
internal sealed class OnnxModel
{
    private readonly List<byte> _bytes = [];

    /// <summary>A model of one node.</summary>
    /// <param name="operatorType">Such as <c>Attention</c>.</param>
    /// <param name="domain">Empty for ai.onnx, or <c>com.microsoft</c>.</param>
    /// <param name="opset">Version of the ai.onnx operators.</param>
    /// <param name="inputs">In the operator's order; null leaves an optional one out.</param>
    /// <param name="outputs">In the operator's order.</param>
    /// <param name="attributes">Of type long, float or string.</param>
    public static byte[] OneNode(
        string operatorType,
        string domain,
        int opset,
        IReadOnlyList<OnnxValue?> inputs,
        IReadOnlyList<OnnxValue> outputs,
        params (string Name, object Value)[] attributes)
    {
        var node = new OnnxNode(operatorType, domain, [.. inputs.Select(input => input?.Name ?? string.Empty)], [.. outputs.Select(o => o.Name)], attributes);
        return Graph(opset, [node], [], [.. inputs.OfType<OnnxValue>()], outputs);
    }

    /// <summary>A model of several nodes with weights.</summary>
    /// <param name="opset">Version of the ai.onnx operators.</param>
    /// <param name="nodes">In an order in which they can run.</param>
    /// <param name="weights">Constants by name.</param>
    /// <param name="inputs">What is fed.</param>
    /// <param name="outputs">What is fetched.</param>
    public static byte[] Graph(
        int opset,
        IReadOnlyList<OnnxNode> nodes,
        IReadOnlyList<(string Name, HostTensor Value)> weights,
        IReadOnlyList<OnnxValue> inputs,
        IReadOnlyList<OnnxValue> outputs)
    {
        var graph = new OnnxModel();
        foreach (var node in nodes)
        {
            graph.Message(1, Node(node));
        }

        graph.Text(2, "graph");
        foreach (var (name, value) in weights)
        {
            graph.Message(5, Weight(name, value));
        }

        foreach (var input in inputs)
        {
            graph.Message(11, ValueInfo(input));
        }

        foreach (var output in outputs)
        {
            graph.Message(12, ValueInfo(output));
        }

        var model = new OnnxModel();
        model.Number(1, 10); // IR version
        model.Message(7, graph);
        model.Message(8, OperatorSet(string.Empty, opset));
        foreach (var domain in nodes.Select(node => node.Domain).Where(domain => domain.Length > 0).Distinct())
        {
            model.Message(8, OperatorSet(domain, 1));
        }

        return [.. model._bytes];
    }

    private static OnnxModel Node(OnnxNode source)
    {
        var node = new OnnxModel();
        foreach (var input in source.Inputs)
        {
            node.Text(1, input);
        }

        foreach (var output in source.Outputs)
        {
            node.Text(2, output);
        }

        node.Text(4, source.OperatorType);
        foreach (var (name, value) in source.Attributes)
        {
            node.Message(5, Attribute(name, value));
        }

        node.Text(7, source.Domain);
        return node;
    }

    private static OnnxModel Weight(string name, HostTensor value)
    {
        var tensor = new OnnxModel();
        foreach (var extent in value.Shape)
        {
            tensor.Number(1, extent);
        }

        tensor.Number(2, (int)OnnxSession.TypeOf(value.Type));
        tensor.Text(8, name);
        tensor.Bytes(9, value.Bytes);
        return tensor;
    }

    private static OnnxModel Attribute(string name, object value)
    {
        var attribute = new OnnxModel();
        attribute.Text(1, name);
        if (value is float number)
        {
            attribute.Varint((2 << 3) | 5);
            attribute._bytes.AddRange(BitConverter.GetBytes(number));
            attribute.Number(20, 1); // FLOAT
        }
        else if (value is string text)
        {
            attribute.Text(4, text);
            attribute.Number(20, 3); // STRING
        }
        else
        {
            attribute.Number(3, (long)value);
            attribute.Number(20, 2); // INT
        }

        return attribute;
    }

    private static OnnxModel ValueInfo(OnnxValue value)
    {
        var tensor = new OnnxModel();
        tensor.Number(1, (int)value.Type);
        if (value.Shape is not null)
        {
            var shape = new OnnxModel();
            foreach (var extent in value.Shape)
            {
                var dimension = new OnnxModel();
                dimension.Number(1, extent);
                shape.Message(1, dimension);
            }

            tensor.Message(2, shape);
        }

        var type = new OnnxModel();
        type.Message(1, tensor);
        var info = new OnnxModel();
        info.Text(1, value.Name);
        info.Message(2, type);
        return info;
    }

    private static OnnxModel OperatorSet(string domain, int version)
    {
        var set = new OnnxModel();
        set.Text(1, domain);
        set.Number(2, version);
        return set;
    }

    private void Number(int field, long value)
    {
        Varint((ulong)field << 3);
        Varint((ulong)value);
    }

    private void Text(int field, string text) => Bytes(field, Encoding.UTF8.GetBytes(text));

    private void Message(int field, OnnxModel message) => Bytes(field, CollectionsMarshal.AsSpan(message._bytes));

    private void Bytes(int field, ReadOnlySpan<byte> bytes)
    {
        Varint(((ulong)field << 3) | 2);
        Varint((ulong)bytes.Length);
        _bytes.AddRange(bytes);
    }

    private void Varint(ulong value)
    {
        for (; value >= 0x80; value >>= 7)
        {
            _bytes.Add((byte)(value | 0x80));
        }

        _bytes.Add((byte)value);
    }
}
