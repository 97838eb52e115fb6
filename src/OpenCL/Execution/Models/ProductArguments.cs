using System.Runtime.InteropServices;
using Stof.Reference.Graphs;

namespace Stof.Reference.OpenCL.Execution.Models;

/// <summary>Shape of a product as kernels take it: the fields of <c>product_shape</c> in product.cl, in their order.</summary>
[StructLayout(LayoutKind.Sequential)]
internal struct ProductArguments
{
    public int Rows;
    public int Depth;
    public int Width;
    public int RowBlock;
    public int Panels;
    public int PanelBlock;
    public int Activation;
    public int Prologue;
    public int Epilogue;
    public int Middle;
    public int MiddlePanels;
    public int MiddleActivation;
    public float PrologueEpsilon;
    public float EpilogueEpsilon;
}

/// <summary>Numbers that kernels know functions and norms by.</summary>
internal static class KernelCodes
{
    /// <summary>No function, or no norm.</summary>
    public const int None = 0;

    /// <summary>The code of a function.</summary>
    public static int Of(ActivationKind? kind) => kind switch
    {
        null => None,
        ActivationKind.GeluErf => 1,
        ActivationKind.GeluTanh => 2,
        ActivationKind.Relu => 3,
        _ => 4,
    };

    /// <summary>The code of a norm.</summary>
    public static int Of(NormOperator? norm) => norm?.Kind switch
    {
        null => None,
        NormKind.Layer => 1,
        _ => 2,
    };
}
