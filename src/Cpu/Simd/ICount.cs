namespace Stof.Reference.Cpu.Simd;

/// <summary>A number of rows or registers as a type: the JIT compiles one micro-kernel per number from one source.</summary>
internal interface ICount
{
    static abstract int Count { get; }
}

internal readonly struct Count1 : ICount
{
    public static int Count => 1;
}

internal readonly struct Count2 : ICount
{
    public static int Count => 2;
}

internal readonly struct Count3 : ICount
{
    public static int Count => 3;
}

internal readonly struct Count4 : ICount
{
    public static int Count => 4;
}

internal readonly struct Count6 : ICount
{
    public static int Count => 6;
}

internal readonly struct Count8 : ICount
{
    public static int Count => 8;
}

internal readonly struct Count12 : ICount
{
    public static int Count => 12;
}
