namespace Stof.Reference.Cuda.Catalog;

/// <summary>Kernels that can be written out, simulated and traced by name.</summary>
public static class CudaKernelCatalog
{
    /// <summary>All templates, by name.</summary>
    public static IReadOnlyList<CudaKernelTemplate> All { get; } =
        [.. new[] { VectorAdd.Template, BlockSum.Template, NormTemplate.Template, GemmCatalogTemplate.Template, AttentionTemplates.Rowwise, AttentionTemplates.Blockwise }
            .OrderBy(template => template.Name, StringComparer.Ordinal)];

    /// <summary>The template of a name.</summary>
    /// <exception cref="InvalidInputException">There is none; the message lists those that exist.</exception>
    public static CudaKernelTemplate Named(string name) =>
        All.FirstOrDefault(template => template.Name == name)
        ?? throw new InvalidInputException("template", $"'{name}'", string.Join(", ", All.Select(template => template.Name)));
}
