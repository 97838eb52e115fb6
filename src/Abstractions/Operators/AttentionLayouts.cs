namespace Stof.Reference.Operators;

/// <summary>Shapes and offsets of attention operands in either axis order.</summary>
public static class AttentionLayouts
{
    /// <summary>Shape of a tensor of rows: [B, H, S, D] or [B, S, H, D].</summary>
    public static int[] Shape(this AttentionLayout layout, int batch, int heads, int length, int size) =>
        layout == AttentionLayout.BatchHeadsLength ? [batch, heads, length, size] : [batch, length, heads, size];

    /// <summary>Offset in elements of row (b, h, s).</summary>
    /// <param name="layout">The axis order.</param>
    /// <param name="heads">Extent H of the tensor.</param>
    /// <param name="length">Extent S of the tensor.</param>
    /// <param name="size">Extent D of the tensor.</param>
    /// <param name="b">Batch item.</param>
    /// <param name="h">Head.</param>
    /// <param name="s">Position.</param>
    public static int RowOffset(this AttentionLayout layout, int heads, int length, int size, int b, int h, int s) =>
        layout == AttentionLayout.BatchHeadsLength
            ? ((((b * heads) + h) * length) + s) * size
            : ((((b * length) + s) * heads) + h) * size;
}
