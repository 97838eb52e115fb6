using System.Globalization;
using System.Numerics;
using Stof.Reference.Cuda.Ptx;

namespace Stof.Reference.Cuda.Simulator.Tracing;

/// <summary>Register values and addresses of 32 lanes in few words.</summary>
internal static class TraceValues
{
    private const int MaximumShown = 32;

    /// <summary>What a step wrote in a register.</summary>
    public static string Describe(WrittenRegister register)
    {
        ArgumentNullException.ThrowIfNull(register);
        var lanes = Lanes(register.Lanes);
        if (lanes.Length == 0)
        {
            return "nothing";
        }

        if (register.Type == RegisterType.Pred)
        {
            var set = lanes.Where(lane => register.Values[lane] != 0).Aggregate(0u, (bits, lane) => bits | (1u << lane));
            return set == 0 ? "false" : set == register.Lanes ? "true" : $"true in {DescribeLanes(set)}";
        }

        var values = lanes.Select(lane => register.Values[lane]).ToArray();
        var first = values[0];
        if (Array.TrueForAll(values, value => value == first))
        {
            return Format(register.Type, first);
        }

        var step = (long)(values[1] - first);
        if (register.Type is RegisterType.B32 or RegisterType.B64 && IsRamp(lanes, values, step))
        {
            return $"{Format(register.Type, first)}, then {step:+0;-0} a lane";
        }

        return string.Join(' ', values.Take(MaximumShown).Select(value => Format(register.Type, value)));
    }

    /// <summary>Lanes of a mask, as ranges.</summary>
    public static string DescribeLanes(uint lanes)
    {
        if (lanes == uint.MaxValue)
        {
            return "all lanes";
        }

        var parts = new List<string>();
        for (var lane = 0; lane < Warp.Lanes; lane++)
        {
            if ((lanes >> lane & 1) == 0)
            {
                continue;
            }

            var last = lane;
            while (last + 1 < Warp.Lanes && (lanes >> (last + 1) & 1) != 0)
            {
                last++;
            }

            parts.Add(lane == last ? $"{lane}" : $"{lane}-{last}");
            lane = last;
        }

        return parts.Count == 0 ? "no lane" : $"lane{(BitOperations.PopCount(lanes) == 1 ? "" : "s")} {string.Join(',', parts)}";
    }

    /// <summary>Memory of a step: the lanes' addresses, shortened where they go up evenly.</summary>
    public static string Describe(IReadOnlyList<TouchedMemory> memory)
    {
        ArgumentNullException.ThrowIfNull(memory);
        var groups = memory.GroupBy(touched => (touched.Space, touched.IsWrite, touched.Bytes)).Select(group =>
        {
            var touched = group.ToArray();
            var step = touched.Length > 1 ? (long)(touched[1].Address - touched[0].Address) : 0;
            var isRamp = touched.Length > 1 && touched.Zip(touched.Skip(1)).All(pair => (long)(pair.Second.Address - pair.First.Address) == step);
            var addresses = isRamp || touched.Length == 1
                ? $"0x{touched[0].Address:x}{(touched.Length == 1 ? "" : $", then {step:+0;-0}")}"
                : string.Join(' ', touched.Select(one => $"0x{one.Address:x}"));
            return $"{(group.Key.IsWrite ? "writes" : "reads")} {group.Key.Bytes} bytes of {group.Key.Space} memory at {addresses}";
        });
        return string.Join("; ", groups);
    }

    private static bool IsRamp(int[] lanes, ulong[] values, long step)
    {
        for (var i = 1; i < lanes.Length; i++)
        {
            if (lanes[i] != lanes[i - 1] + 1 || (long)(values[i] - values[i - 1]) != step)
            {
                return false;
            }
        }

        return true;
    }

    private static int[] Lanes(uint mask) => [.. Enumerable.Range(0, Warp.Lanes).Where(lane => (mask >> lane & 1) != 0)];

    private static string Format(RegisterType type, ulong bits) => type switch
    {
        RegisterType.F32 => BitConverter.UInt32BitsToSingle((uint)bits).ToString("g6", CultureInfo.InvariantCulture),
        RegisterType.F64 => BitConverter.UInt64BitsToDouble(bits).ToString("g9", CultureInfo.InvariantCulture),
        RegisterType.F16x2 => $"({BitConverter.UInt16BitsToHalf((ushort)bits)},{BitConverter.UInt16BitsToHalf((ushort)(bits >> 16))})",
        RegisterType.BF16x2 => $"({BitConverter.UInt32BitsToSingle((uint)bits << 16):g4},{BitConverter.UInt32BitsToSingle((uint)bits & 0xffff0000):g4})",
        RegisterType.B64 => $"0x{bits:x}",
        _ => bits < 1 << 16 ? bits.ToString(CultureInfo.InvariantCulture) : $"0x{bits:x}",
    };
}
