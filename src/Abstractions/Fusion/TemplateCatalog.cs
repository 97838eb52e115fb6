using System.Collections.Immutable;
using Stof.Reference.Graphs;

namespace Stof.Reference.Fusion;

/// <summary>Every template the project knows; a new one is a line here, a kernel in a backend, and a test.</summary>
public static class TemplateCatalog
{
    private static readonly Type Gemm = typeof(GemmOperator);
    private static readonly Type Bias = typeof(BiasOperator);
    private static readonly Type Rotary = typeof(RotaryOperator);
    private static readonly Type Attention = typeof(AttentionOperator);
    private static readonly Type Activation = typeof(ActivationOperator);
    private static readonly Type Residual = typeof(ResidualOperator);
    private static readonly Type Norm = typeof(NormOperator);

    /// <summary>All templates: fused ones first, then one for each operator on its own.</summary>
    public static ImmutableArray<FusionTemplate> All { get; } =
    [
        new AttentionTemplate(),
        new GemmChainTemplate("gemm-chain", Gemm, Activation, Gemm),
        new GemmChainTemplate("gemm-chain-residual", Gemm, Activation, Gemm, Residual),
        new GemmChainTemplate("gemm-chain-residual-norm", Gemm, Activation, Gemm, Residual, Norm),
        new GemmChainTemplate("norm-gemm-chain", Norm, Gemm, Activation, Gemm),
        new GemmChainTemplate("norm-gemm-chain-residual", Norm, Gemm, Activation, Gemm, Residual),
        new GemmTemplate("gemm-bias", TemplateCategory.CiMi, Gemm, Bias),
        new GemmTemplate("gemm-activation", TemplateCategory.CiMi, Gemm, Activation),
        new GemmTemplate("gemm-residual", TemplateCategory.CiMi, Gemm, Residual),
        new GemmTemplate("gemm-residual-norm", TemplateCategory.CiMi, Gemm, Residual, Norm),
        new GemmTemplate("norm-gemm", TemplateCategory.CiMi, Norm, Gemm),
        new GemmTemplate("norm-gemm-bias", TemplateCategory.CiMi, Norm, Gemm, Bias),
        new GemmTemplate("norm-gemm-activation", TemplateCategory.CiMi, Norm, Gemm, Activation),
        new RowTemplate("residual-norm", TemplateCategory.MiMi, Residual, Norm),
        new GemmTemplate("gemm", TemplateCategory.Detached, Gemm),
        new RowTemplate("bias", TemplateCategory.Detached, Bias),
        new RowTemplate("rotary", TemplateCategory.Detached, Rotary),
        new RowTemplate("activation", TemplateCategory.Detached, Activation),
        new RowTemplate("residual", TemplateCategory.Detached, Residual),
        new RowTemplate("norm", TemplateCategory.Detached, Norm),
        new RowTemplate("attention-step", TemplateCategory.Detached, Attention),
        new RowTemplate("token-embedding", TemplateCategory.Detached, typeof(TokenEmbeddingOperator)),
        new RowTemplate("patch-embedding", TemplateCategory.Detached, typeof(PatchEmbeddingOperator)),
    ];

    /// <summary>The template of a segment, or null if none has its shape. Shapes are distinct: at most one matches.</summary>
    public static FusionTemplate? Match(OperatorGraph graph, Segment segment) =>
        All.FirstOrDefault(template => template.Matches(graph, segment));

    /// <summary>The template with a name.</summary>
    /// <exception cref="InvalidInputException">No template has this name.</exception>
    public static FusionTemplate Named(string name) => All.FirstOrDefault(template => template.Name == name)
        ?? throw new InvalidInputException("template", $"'{name}'", $"one of {string.Join(", ", All.Select(t => t.Name))}");
}
