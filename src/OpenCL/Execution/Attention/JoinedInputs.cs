using Stof.Reference.Operators;

namespace Stof.Reference.OpenCL.Execution.Attention;

/// <summary>Queries, keys and values one after the other in one buffer, in elements.</summary>
/// <param name="Keys">Where K begins; Q begins at 0.</param>
/// <param name="Values">Where V begins.</param>
/// <param name="Count">Elements of all.</param>
internal readonly record struct JoinedInputs(long Keys, long Values, long Count)
{
    private const long Alignment = 128;

    /// <summary>The inputs of a problem.</summary>
    public static JoinedInputs Of(AttentionProblem problem)
    {
        static long Aligned(long count) => (count + Alignment - 1) / Alignment * Alignment;
        var queries = Aligned((long)problem.Batch * problem.QueryHeads * problem.QueryLength * problem.HeadSize);
        var rows = (long)problem.Batch * problem.KvHeads * problem.KvLength;
        var keys = Aligned(rows * problem.HeadSize);
        return new JoinedInputs(queries, queries + keys, queries + keys + (rows * problem.ValueSize));
    }

    /// <summary>Where a kernel finds them.</summary>
    public AttentionShape Place(AttentionShape shape)
    {
        shape.K = shape.K with { Start = Keys };
        shape.V = shape.V with { Start = Values };
        return shape;
    }
}
