using Stof.Reference.Masks;
using Stof.Reference.Numerics;
using Stof.Reference.Operators;

namespace Stof.Reference.Verification.Cases;

/// <summary>Base of the logarithm in a row's log-sum-exp.</summary>
public enum LogSumExpBase
{
    /// <summary>m + ln L; what nearly all kernels return.</summary>
    Natural,

    /// <summary>(m + ln L)/ln 2; FlashInfer's default.</summary>
    Two,
}

/// <summary>Where a bias comes from.</summary>
public enum BiasSource
{
    /// <summary>No bias.</summary>
    None,

    /// <summary>The array <c>bias</c> of the case, [B or 1, Hq or 1, Sq, Skv].</summary>
    Array,

    /// <summary>ALiBi with the slopes of the case's array <c>slopes</c>, or the standard ones where there is none.</summary>
    Alibi,

    /// <summary>T5's buckets with the case's array <c>bias_table</c>, [buckets, Hq].</summary>
    Relative,
}

/// <summary>
/// Everything about an attention that its tensors do not say. Fields that peers silently disagree on have no default here: null
/// means that nobody has said it, and a case that depends on one is refused with its name.
/// </summary>
public sealed record AttentionSemantics
{
    /// <summary>The mask; null means the case's array <c>mask</c>, which must then be there.</summary>
    public MaskPattern? Mask { get; init; }

    /// <summary>How positions line up; may be null where Sq = Skv or the mask is an array or full.</summary>
    public PositionAlignment? Alignment { get; init; }

    /// <summary>Axis order of the tensors.</summary>
    public AttentionLayout Layout { get; init; } = AttentionLayout.BatchHeadsLength;

    /// <summary>The kernel's dtype; null for that of <c>q</c>. Numbers stored wider must be numbers of this dtype.</summary>
    public DType? Type { get; init; }

    /// <summary>Factor on q·k; null for 1/√D.</summary>
    public double? Scale { get; init; }

    /// <summary>c of c·tanh(x/c); null for no cap.</summary>
    public double? Softcap { get; init; }

    /// <summary>The bias.</summary>
    public BiasSource Bias { get; init; }

    /// <summary>Largest distance of <see cref="BiasSource.Relative"/>.</summary>
    public int MaxDistance { get; init; } = 128;

    /// <summary>One logit a query head; null for none, or for the case's array <c>sinks</c>.</summary>
    public IReadOnlyList<double>? Sinks { get; init; }

    /// <summary>Real lengths of the batch items; null for all, or for the case's array <c>lengths</c> [B, 2].</summary>
    public IReadOnlyList<SequenceLengths>? Lengths { get; init; }

    /// <summary>What <c>lse</c> holds.</summary>
    public LogSumExpBase LseBase { get; init; }

    /// <summary>The tensors' extents, where they are known without the tensors.</summary>
    public AttentionShape? Shape { get; init; }

    /// <summary>The semantics of a problem whose arrays lie in the case.</summary>
    public static AttentionSemantics Of(AttentionProblem problem, LogSumExpBase lseBase = LogSumExpBase.Natural)
    {
        ArgumentNullException.ThrowIfNull(problem);
        return new AttentionSemantics
        {
            Mask = MaskJson.CanWrite(problem.Mask) && problem.Mask is not DenseMask ? problem.Mask : null,
            Alignment = problem.Alignment,
            Layout = problem.Layout,
            Type = problem.Type,
            Scale = problem.Scale,
            Softcap = problem.Softcap,
            Bias = problem.Bias switch
            {
                null => BiasSource.None,
                AlibiBias => BiasSource.Alibi,
                RelativeBias => BiasSource.Relative,
                _ => BiasSource.Array,
            },
            MaxDistance = problem.Bias is RelativeBias relative ? relative.MaxDistance : 128,
            Sinks = problem.Sinks,
            Lengths = problem.Lengths,
            LseBase = lseBase,
            Shape = new AttentionShape(
                problem.Batch, problem.QueryHeads, problem.KvHeads, problem.QueryLength, problem.KvLength, problem.HeadSize, problem.ValueSize),
        };
    }
}

/// <summary>Extents of the four tensors.</summary>
/// <param name="Batch">B.</param>
/// <param name="QueryHeads">Hq.</param>
/// <param name="KvHeads">Hkv.</param>
/// <param name="QueryLength">Sq.</param>
/// <param name="KvLength">Skv.</param>
/// <param name="HeadSize">D.</param>
/// <param name="ValueSize">Dv.</param>
public sealed record AttentionShape(int Batch, int QueryHeads, int KvHeads, int QueryLength, int KvLength, int HeadSize, int ValueSize);
