using Stof.Reference.Masks;
using Stof.Reference.Tensors;

namespace Stof.Reference.Formats.Peers;

/// <summary>
/// PaddlePaddle's FlashMask (Wang et al. 2024, arXiv 2410.01359; <c>paddle.nn.functional.flashmask_attention</c>): for every key the
/// queries that may <em>not</em> attend to it, as one, two or four bounds in <c>startend_row_indices</c>, I32 [B or 1, H or 1, Skv,
/// bounds]. Starts are inclusive, ends exclusive; rows are query indices.
/// <list type="table">
/// <item><term>causal, 1: LTS</term><description>q ≥ LTS is masked</description></item>
/// <item><term>causal, 2: LTS, LTE</term><description>LTS ≤ q &lt; LTE is masked</description></item>
/// <item><term>not causal, 2: LTS, UTE</term><description>q ≥ LTS and q &lt; UTE are masked</description></item>
/// <item><term>not causal, 4: LTS, LTE, UTS, UTE</term><description>LTS ≤ q &lt; LTE and UTS ≤ q &lt; UTE are masked</description></item>
/// </list>
/// Causal masks q &lt; k − (Skv − Sq) too: FlashMask lines causal masks up bottom-right, whatever the alignment of our extent says.
/// So two numbers mean different things with and without the causal flag, which nothing in them tells: it travels as array
/// <c>causal</c>.
/// <para>
/// Cannot represent more masked runs in a column than the bounds hold: BigBird's random cells, dilated and strided masks, most masks
/// with two bands. Where a mask differs by head there is one slice a query head, so the model needs as many key heads. Where batch
/// items share a mask one is stored; Paddle wants it repeated for each.
/// </para>
/// <para>
/// Example: <c>causal &amp; sliding(2)</c> at S = 16 has causal 1 and one bound a key: 3, 4, …, 15, 16, 16, 16. Query k + 2 is the last
/// that sees key k, so masking starts at k + 3: Paddle's generator of a window of 3, not of 2.
/// </para>
/// </summary>
public sealed class FlashMask
{
    /// <summary>The names of the arrays.</summary>
    internal static readonly string[] Names = ["startend_row_indices", "causal", ArrayReader.Extent, ArrayReader.SliceCounts];

    internal FlashMask(MaskSlices slices, bool causal, int bounds, int[] indices)
    {
        Slices = slices;
        Causal = causal;
        Bounds = bounds;
        Indices = indices;
    }

    /// <summary>The rectangle and the stored slices.</summary>
    public MaskSlices Slices { get; }

    /// <summary>Is what lies above the diagonal masked besides the bounds?</summary>
    public bool Causal { get; }

    /// <summary>Numbers a key: 1 or 2 if causal, 2 or 4 if not.</summary>
    public int Bounds { get; }

    /// <summary>The numbers, [slices, Skv, bounds].</summary>
    public int[] Indices { get; }

    /// <summary>Writes a mask in the smallest form that holds it; of two with two bounds the causal one, which skips tiles above the diagonal.</summary>
    /// <param name="mask">The mask.</param>
    /// <param name="causal">True or false to allow only forms with that flag.</param>
    /// <exception cref="InvalidInputException">No such form holds the mask; the message names the first key that does not fit the largest.</exception>
    public static FlashMask Build(BoundMask mask, bool? causal = null) => FlashMaskBuilder.Build(ColumnIntervals.Build(mask), causal);

    /// <summary>
    /// Named arrays, ready for an npz: <c>startend_row_indices</c>, <c>causal</c> I32 [1], <c>extent</c> and <c>slices</c>.
    /// </summary>
    public Dictionary<string, HostTensor> ToArrays()
    {
        var arrays = ArrayWriter.Start(Slices);
        arrays["startend_row_indices"] = HostTensor.From(Indices, Slices.Batch, Slices.Heads, Slices.Extent.KeyLength, Bounds);
        arrays["causal"] = ArrayWriter.Vector([Causal ? 1 : 0]);
        return arrays;
    }

    /// <summary>Reads named arrays back and checks them.</summary>
    /// <exception cref="InvalidInputException">
    /// An array is missing, unknown, or of another dtype (I64, say) or shape; the number of bounds does not go with the causal flag; a bound
    /// is not in 0 … Sq; an end lies before its start.
    /// </exception>
    public static FlashMask FromArrays(IReadOnlyDictionary<string, HostTensor> arrays)
    {
        var reader = new ArrayReader("FlashMask", arrays, Names);
        var slices = reader.Slices();
        var causal = reader.Choice("causal", 1, "0 or 1") == 1;
        var tensor = reader.Tensor<int>("startend_row_indices", slices.Batch, slices.Heads, slices.Extent.KeyLength, -1);
        var bounds = tensor.Shape[3];
        FormatRules.Require(
            causal ? bounds is 1 or 2 : bounds is 2 or 4,
            "startend_row_indices", $"{tensor} with causal {(causal ? 1 : 0)}",
            causal ? "a last extent of 1 (LTS) or 2 (LTS, LTE)" : "a last extent of 2 (LTS, UTE) or 4 (LTS, LTE, UTS, UTE)");
        var mask = new FlashMask(slices, causal, bounds, tensor.Span<int>().ToArray());
        mask.CheckBounds();
        return mask;
    }

    /// <summary>The bounds as a mask, by way of the allowed runs of every column.</summary>
    public BoundMask AsMask() => FlashMaskBuilder.Columns(this).AsMask();

    private void CheckBounds()
    {
        var (queries, keys) = (Slices.Extent.QueryLength, Slices.Extent.KeyLength);
        var paired = Bounds == 4 || (Causal && Bounds == 2);
        for (var i = 0; i < Indices.Length; i++)
        {
            if (Indices[i] < 0 || Indices[i] > queries)
            {
                throw FormatRules.Wrong(Name(i), Indices[i], $"0 to {queries}");
            }

            if (paired && i % 2 == 1 && Indices[i] < Indices[i - 1])
            {
                throw FormatRules.Wrong(Name(i), Indices[i], $"{Indices[i - 1]} or more, the start before it");
            }
        }

        string Name(int index)
        {
            var (column, bound) = Math.DivRem(index, Bounds);
            var (batch, head) = Slices.Pair(column / keys);
            return $"startend_row_indices[{batch}, {head}, {column % keys}, {bound}]";
        }
    }
}
