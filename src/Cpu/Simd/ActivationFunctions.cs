using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;

namespace Stof.Reference.Cpu.Simd;

/// <summary>An <see cref="Activation"/> as a type: the JIT compiles one row loop per function.</summary>
internal interface IActivation
{
    /// <summary>True if a second value (SwiGLU's other half) takes part.</summary>
    static abstract bool IsGated { get; }

    /// <summary>Applies the function to sixteen values.</summary>
    static abstract Vector512<float> Apply(Vector512<float> x, Vector512<float> second);
}

internal readonly struct IdentityFunction : IActivation
{
    public static bool IsGated => false;

    public static Vector512<float> Apply(Vector512<float> x, Vector512<float> second) => x;
}

internal readonly struct ReluFunction : IActivation
{
    public static bool IsGated => false;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector512<float> Apply(Vector512<float> x, Vector512<float> second) =>
        Vector512.ConditionalSelect(Vector512.LessThan(x, Vector512<float>.Zero), Vector512<float>.Zero, x);
}

internal readonly struct GeluErfFunction : IActivation
{
    private const float RootHalf = 0.707106781186547524f;

    public static bool IsGated => false;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector512<float> Apply(Vector512<float> x, Vector512<float> second)
    {
        var half = x * Vector512.Create(0.5f);
        return Vector512.FusedMultiplyAdd(half, VectorMath.Erf(x * Vector512.Create(RootHalf)), half);
    }
}

internal readonly struct GeluTanhFunction : IActivation
{
    private const float RootTwoOverPi = 0.797884560802865356f;
    private const float Cubic = 0.044715f;

    public static bool IsGated => false;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector512<float> Apply(Vector512<float> x, Vector512<float> second)
    {
        var half = x * Vector512.Create(0.5f);
        var inner = Vector512.FusedMultiplyAdd(x * x * x, Vector512.Create(Cubic), x) * Vector512.Create(RootTwoOverPi);
        return Vector512.FusedMultiplyAdd(half, VectorMath.Tanh(inner), half);
    }
}

internal readonly struct SiluFunction : IActivation
{
    public static bool IsGated => false;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector512<float> Apply(Vector512<float> x, Vector512<float> second) =>
        x / (Vector512<float>.One + VectorMath.Exp(-x));
}

internal readonly struct SwiGluFunction : IActivation
{
    public static bool IsGated => true;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector512<float> Apply(Vector512<float> x, Vector512<float> second) => SiluFunction.Apply(x, second) * second;
}
