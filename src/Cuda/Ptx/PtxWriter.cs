using System.Globalization;
using System.Text;

namespace Stof.Reference.Cuda.Ptx;

/// <summary>Writes kernels as PTX text: the same kernel gives the same bytes, so that a hash of the text names its machine code.</summary>
public static class PtxWriter
{
    /// <summary>Name of the shared memory in the text.</summary>
    internal const string SharedName = "shared_memory";

    /// <summary>Writes a module of one kernel.</summary>
    public static string Write(Kernel kernel)
    {
        ArgumentNullException.ThrowIfNull(kernel);
        var text = new StringBuilder();
        text.Append(CultureInfo.InvariantCulture, $".version {kernel.Version / 10}.{kernel.Version % 10}\n");
        text.Append(CultureInfo.InvariantCulture, $".target {kernel.Target.Name}\n.address_size 64\n\n");
        if (kernel.SharedBytes > 0)
        {
            var alignment = kernel.SharedArrays.Max(array => array.Alignment);
            text.Append(CultureInfo.InvariantCulture, $".extern .shared .align {Math.Max(alignment, 16)} .b8 {SharedName}[];\n\n");
        }

        text.Append(CultureInfo.InvariantCulture, $".visible .entry {kernel.Name}(");
        var separator = "\n";
        foreach (var parameter in kernel.Parameters)
        {
            text.Append(CultureInfo.InvariantCulture, $"{separator}    .param .b{parameter.Type.Bits()} {parameter.Name}");
            separator = ",\n";
        }

        text.Append(CultureInfo.InvariantCulture, $")\n.reqntid {kernel.Threads}, 1, 1\n");
        if (kernel.MinimumBlocks > 0)
        {
            text.Append(CultureInfo.InvariantCulture, $".minnctapersm {kernel.MinimumBlocks}\n");
        }

        if (kernel.ClusterBlocks > 1)
        {
            text.Append(CultureInfo.InvariantCulture, $".explicitcluster\n.reqnctapercluster {kernel.ClusterBlocks}, 1, 1\n");
        }

        text.Append("{\n");
        foreach (var array in kernel.LocalArrays)
        {
            text.Append(CultureInfo.InvariantCulture, $"    .local .align {array.Alignment} .b8 {array.Name}[{array.Bytes}];\n");
        }

        WriteRegisters(text, kernel);
        WriteInstructions(text, kernel);
        return text.Append("}\n").ToString();
    }

    private static void WriteRegisters(StringBuilder text, Kernel kernel)
    {
        // Registers are numbered within a file, so a name's numbers have gaps; only those in use are declared.
        foreach (var file in kernel.RegisterTypes)
        {
            foreach (var group in file.Select((type, index) => (type, index)).GroupBy(register => register.type).OrderBy(group => group.Key))
            {
                var names = group.Select(register => string.Create(CultureInfo.InvariantCulture, $"{group.Key.Prefix()}{register.index}"));
                foreach (var chunk in names.Chunk(16))
                {
                    text.Append("    .reg ").Append(group.Key.Directive()).Append(' ').AppendJoin(", ", chunk).Append(";\n");
                }
            }
        }
    }

    private static void WriteInstructions(StringBuilder text, Kernel kernel)
    {
        var labels = kernel.Labels.ToLookup(label => kernel.LabelPositions[label.Index]);
        for (var i = 0; i < kernel.Instructions.Length; i++)
        {
            foreach (var label in labels[i])
            {
                text.Append(label.Name).Append(":\n");
            }

            text.Append("    ").Append(kernel.Instructions[i]).Append('\n');
        }
    }
}
