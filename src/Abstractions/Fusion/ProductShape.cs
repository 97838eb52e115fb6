using Stof.Reference.Graphs;

namespace Stof.Reference.Fusion;

/// <summary>What rides on a product, in the order in which the kernels apply it: bias, activation, residual, norm.</summary>
public sealed record ProductEpilogue
{
    /// <summary>Name of a bias, or null.</summary>
    public string? Bias { get; init; }

    /// <summary>Function, or null.</summary>
    public ActivationKind? Activation { get; init; }

    /// <summary>Residual connection, or null.</summary>
    public ResidualOperator? Residual { get; init; }

    /// <summary>Normalisation of the result, or null.</summary>
    public NormOperator? Norm { get; init; }
}

/// <summary>A segment of one or two products as the kernels see it.</summary>
/// <param name="Prologue">Normalisation of the input rows, or null.</param>
/// <param name="First">The first product.</param>
/// <param name="FirstEpilogue">What follows it.</param>
/// <param name="Second">The second product of a chain, or null.</param>
/// <param name="SecondEpilogue">What follows that.</param>
public sealed record ProductShape(
    NormOperator? Prologue, GemmOperator First, ProductEpilogue FirstEpilogue, GemmOperator? Second, ProductEpilogue SecondEpilogue)
{
    /// <summary>The epilogue whose result is stored.</summary>
    public ProductEpilogue Last => Second is null ? FirstEpilogue : SecondEpilogue;

    /// <summary>Reads the operators of a segment in order.</summary>
    /// <exception cref="ArgumentException">An operator cannot ride on a product at its place.</exception>
    public static ProductShape Parse(ReadOnlySpan<GraphOperator> operators)
    {
        NormOperator? prologue = null;
        var products = new List<GemmOperator>();
        ProductEpilogue[] epilogues = [new(), new()];
        foreach (var op in operators)
        {
            if (products.Count == 0 && op is NormOperator first)
            {
                prologue = first;
                continue;
            }

            if (op is GemmOperator gemm)
            {
                products.Add(gemm);
                continue;
            }

            ref var epilogue = ref epilogues[products.Count - 1];
            epilogue = op switch
            {
                BiasOperator bias => epilogue with { Bias = bias.Bias },
                ActivationOperator activation => epilogue with { Bias = activation.Bias, Activation = activation.Kind },
                ResidualOperator residual => epilogue with { Bias = residual.Bias, Residual = residual },
                NormOperator norm => epilogue with { Norm = norm },
                _ => throw new ArgumentException($"{op.Signature} cannot ride on a product", nameof(operators)),
            };
        }

        return new ProductShape(prologue, products[0], epilogues[0], products.Count > 1 ? products[1] : null, epilogues[1]);
    }
}
