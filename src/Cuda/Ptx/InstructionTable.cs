using System.Collections.Immutable;
using System.Reflection;

namespace Stof.Reference.Cuda.Ptx;

/// <summary>
/// All instructions: the static fields of type <see cref="Opcode"/> (or collections of them) of the static classes in
/// <c>Instructions/</c>. Adding an instruction there is all there is to do; tests walk this table.
/// </summary>
public static class InstructionTable
{
    /// <summary>Every instruction, by name.</summary>
    public static ImmutableArray<Opcode> All { get; } =
    [
        .. typeof(InstructionTable).Assembly.GetTypes()
            .Where(type => type is { IsAbstract: true, IsSealed: true } && type != typeof(InstructionTable))
            .SelectMany(type => type.GetFields(BindingFlags.Static | BindingFlags.Public | BindingFlags.NonPublic))
            .SelectMany(field => field.GetValue(null) switch
            {
                Opcode opcode => [opcode],
                IEnumerable<Opcode> many => many,
                _ => [],
            })
            .Distinct()
            .OrderBy(opcode => opcode.Name, StringComparer.Ordinal)
            .ThenBy(opcode => opcode.Suffix, StringComparer.Ordinal),
    ];
}
