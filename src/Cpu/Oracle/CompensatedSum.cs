using System.Runtime.CompilerServices;

namespace Stof.Reference.Cpu.Oracle;

/// <summary>
/// A sum of products as if computed with twice the precision and rounded at the end (Ogita, Rump, Oishi 2005, Dot2): the errors
/// of all products and additions are themselves added up.
/// </summary>
internal struct CompensatedSum
{
    private double _sum;
    private double _error;

    /// <summary>Adds a·b.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public void AddProduct(double a, double b)
    {
        var product = DoubleDouble.TwoProduct(a, b);
        var sum = DoubleDouble.TwoSum(_sum, product.Hi);
        _sum = sum.Hi;
        _error += sum.Lo + product.Lo;
    }

    /// <summary>Adds a·b.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public void AddProduct(DoubleDouble a, double b)
    {
        AddProduct(a.Hi, b);
        _error += a.Lo * b;
    }

    /// <summary>The sum so far.</summary>
    public readonly DoubleDouble Value => double.IsFinite(_sum) ? DoubleDouble.Normal(_sum, _error) : _sum;
}
