using System.Text.RegularExpressions;

namespace Stof.Reference.OpenCL;

/// <summary>What NVIDIA's assembler says of a kernel in the log of a build with <c>-cl-nv-verbose</c>.</summary>
/// <param name="Kernel">Name of the kernel.</param>
/// <param name="Registers">Registers of a work-item.</param>
/// <param name="LocalBytes">Bytes of a work-item that lie in memory for want of registers, or because an index was not known to the compiler.</param>
public sealed partial record RegisterUse(string Kernel, int Registers, int LocalBytes)
{
    /// <summary>The kernels of a log; none where a device writes no such log.</summary>
    public static IReadOnlyList<RegisterUse> Parse(string log)
    {
        ArgumentNullException.ThrowIfNull(log);
        return
        [
            .. Entry().Matches(log.ReplaceLineEndings("\n")).Select(match => new RegisterUse(
                match.Groups["kernel"].Value,
                int.Parse(match.Groups["registers"].Value),
                ((string[])["frame", "stores", "loads"]).Max(name => int.Parse(match.Groups[name].Value)))),
        ];
    }

    // ptxas info    : Compiling entry function 'attention_blockwise' for 'sm_90'
    // ptxas info    : Function properties for attention_blockwise
    // ptxas         .     0 bytes stack frame, 0 bytes spill stores, 0 bytes spill loads
    // ptxas info    : Used 128 registers, used 1 barriers, 40964 bytes smem, 700 bytes cmem[0]
    [GeneratedRegex(
        @"Compiling entry function '(?<kernel>[^']+)'[^\n]*\n(?:(?!Compiling entry)[^\n]*\n)*?[^\n]*?(?<frame>\d{1,7}) bytes stack frame, (?<stores>\d{1,7}) bytes spill stores, (?<loads>\d{1,7}) bytes spill loads[^\n]*\n(?:(?!Compiling entry)[^\n]*\n)*?[^\n]*?Used (?<registers>\d{1,5}) registers")]
    private static partial Regex Entry();
}
