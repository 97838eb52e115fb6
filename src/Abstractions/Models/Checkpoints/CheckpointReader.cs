using Stof.Reference.Interchange;
using Stof.Reference.Numerics;
using Stof.Reference.Tensors;

namespace Stof.Reference.Models.Checkpoints;

/// <summary>Reads weights of a Hugging Face folder into the shapes that our graphs use.</summary>
/// <param name="folder">The folder.</param>
/// <param name="prefixes">What may stand before every name, such as <c>bert.</c>; the empty prefix is always tried.</param>
internal sealed class CheckpointReader(HuggingFaceFolder folder, params string[] prefixes)
{
    /// <summary>One tensor.</summary>
    public HostTensor Read(string name)
    {
        foreach (var prefix in prefixes)
        {
            if (folder.TryTensor(prefix + name) is { } tensor)
            {
                return tensor;
            }
        }

        return folder.Tensor(name);
    }

    /// <summary>Tensors [n_i, …] below one another: [Σ n_i, …]. Row-major, so this is a concatenation of bytes.</summary>
    public HostTensor Stack(params ReadOnlySpan<string> names)
    {
        var parts = new List<HostTensor>();
        foreach (var name in names)
        {
            var part = Read(name);
            if (parts.Count > 0 && (part.Type != parts[0].Type || !part.Shape[1..].SequenceEqual(parts[0].Shape[1..])))
            {
                throw new InvalidInputException(name, part.ToString(), $"dtype and width of {names[0]}, {parts[0]}");
            }

            parts.Add(part);
        }

        var result = HostTensor.Uninitialized(
            parts[0].Type, [parts.Sum(part => part.Shape[0]), .. parts[0].Shape[1..]]);
        var offset = 0;
        foreach (var part in parts)
        {
            part.Bytes.CopyTo(result.Bytes[offset..]);
            offset += part.Bytes.Length;
        }

        return result;
    }

    /// <summary>A matrix stored as [depth, width] (GPT-2's Conv1D) as [width, depth].</summary>
    public HostTensor ReadTransposed(string name)
    {
        var source = Read(name);
        if (source.Rank != 2)
        {
            throw new InvalidInputException(name, source.ToString(), "a matrix");
        }

        var (rows, columns) = (source.Shape[0], source.Shape[1]);
        var size = source.Type.Size();
        var result = HostTensor.Uninitialized(source.Type, columns, rows);
        for (var r = 0; r < rows; r++)
        {
            for (var c = 0; c < columns; c++)
            {
                source.Bytes.Slice(((r * columns) + c) * size, size).CopyTo(result.Bytes[(((c * rows) + r) * size)..]);
            }
        }

        return result;
    }

    /// <summary>A tensor without its extents of 1.</summary>
    public HostTensor ReadSqueezed(string name)
    {
        var source = Read(name);
        return source.Reshaped([.. source.Shape.ToArray().Where(extent => extent != 1)]);
    }
}
