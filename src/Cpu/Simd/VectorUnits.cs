using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.X86;

namespace Stof.Reference.Cpu.Simd;

/// <summary>
/// How wide the processor computes, which is not how wide its registers are: Zen 4 passes an operation of 512 bits in two halves. Says what
/// pays; changes no bit of a result.
/// </summary>
internal static class VectorUnits
{
    private const uint HighestExtended = 0x80000000;
    private const uint PerformanceHints = 0x8000001A; // AMD's "Performance Optimization Identifiers"
    private const int FullWidth512 = 1 << 3; // FP512 in its EAX

    /// <summary>True if this machine passes an operation of 512 bits whole. Asked for once.</summary>
    public static bool Are512Bits { get; } =
        Vector512.IsHardwareAccelerated && X86Base.IsSupported && Pass512Bits(leaf => Registers.Of(X86Base.CpuId((int)leaf, 0)));

    /// <summary>
    /// Decides by CPUID for a processor with AVX-512: Intel's pass 512 bits whole, AMD's where they say so, others are not known to.
    /// </summary>
    /// <param name="cpuId">The registers of a leaf.</param>
    internal static bool Pass512Bits(Func<uint, Registers> cpuId)
    {
        var name = cpuId(0);
        return (name.Ebx, name.Edx, name.Ecx) switch
        {
            (0x756E6547, 0x49656E69, 0x6C65746E) => true, // "GenuineIntel"
            (0x68747541, 0x69746E65, 0x444D4163) => // "AuthenticAMD"
                (uint)cpuId(HighestExtended).Eax >= PerformanceHints && (cpuId(PerformanceHints).Eax & FullWidth512) != 0,
            _ => false,
        };
    }

    /// <summary>What CPUID answers.</summary>
    internal readonly record struct Registers(int Eax, int Ebx, int Ecx, int Edx)
    {
        public static Registers Of((int Eax, int Ebx, int Ecx, int Edx) answer) => new(answer.Eax, answer.Ebx, answer.Ecx, answer.Edx);
    }
}
