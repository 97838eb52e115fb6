using System.Collections.Frozen;

namespace Stof.Reference.Cuda.Ptx;

/// <summary>Names in a text: letters, digits and underscores, and none that PTX keeps for itself (PTX ISA, "Identifiers").</summary>
internal static class PtxIdentifier
{
    private static readonly FrozenSet<string> Reserved = string.Concat(
        "abs activemask add addc alloca and applypriority atom bar barrier bfe bfi bfind bmsk bra brev brkpt brx call clusterlaunchcontrol clz cnot ",
        "copysign cos cp createpolicy cvt cvta discard div dp2a dp4a elect ex2 exit fence fma fns getctarank griddepcontrol isspacep istypep ld ",
        "ldmatrix ldu lg2 lop3 mad mad24 madc mapa match max mbarrier membar min mma mov movmatrix mul mul24 multimem nanosleep neg not or pmevent ",
        "popc prefetch prefetchu prmt rcp red redux rem ret rsqrt sad selp set setmaxnreg setp shf shfl shl shr sin slct sqrt st stackrestore ",
        "stacksave stmatrix sub subc suld suq sured sust szext tanh tcgen05 testp tex tld4 trap txq vabsdiff vadd vmad vmax vmin vote vset vshl vshr ",
        "vsub wgmma wmma xor WARP_SZ").Split(' ').ToFrozenSet(StringComparer.Ordinal);

    /// <summary>The name, if it may be used.</summary>
    /// <param name="kind">What it names, for the error.</param>
    /// <param name="name">The name.</param>
    /// <exception cref="InvalidInputException">It is no identifier, or reserved.</exception>
    public static string Checked(string kind, string name)
    {
        ArgumentNullException.ThrowIfNull(name);
        if (name.Length == 0 || !char.IsAsciiLetter(name[0]) || !name.All(letter => char.IsAsciiLetterOrDigit(letter) || letter == '_'))
        {
            throw new InvalidInputException(kind, $"'{name}'", "a letter, then letters, digits and underscores");
        }

        return Reserved.Contains(name) || name == PtxWriter.SharedName
            ? throw new InvalidInputException(kind, $"'{name}', which PTX reserves", "another name")
            : name;
    }
}
