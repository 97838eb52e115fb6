using Stof.Reference.Cuda.Ptx;

namespace Stof.Reference.Cuda.Templates;

/// <summary>What is added to a scaled score.</summary>
public enum BiasForm
{
    /// <summary>Nothing.</summary>
    None,

    /// <summary>A value for each head and distance k − q − offset (ALiBi, T5).</summary>
    ByDistance,

    /// <summary>A value for each pair.</summary>
    ByPair,
}

/// <summary>How a kernel makes scores of products: scale, bias, cap, in this order, then powers of two.</summary>
internal sealed class ScoreParameters
{
    private readonly BiasParameters? _bias;
    private readonly F32? _scale;
    private readonly F32? _scaleLogE;
    private readonly (F32 Cap, F32 Inverse)? _cap;

    /// <summary>Declares the parameters.</summary>
    /// <param name="b">The kernel.</param>
    /// <param name="bias">What is added.</param>
    /// <param name="isExplicit">True if a score is computed as such even where it is the product times a scale.</param>
    /// <param name="hasSoftcap">True if scores are capped.</param>
    public ScoreParameters(KernelBuilder b, BiasForm bias, bool isExplicit, bool hasSoftcap)
    {
        if (bias == BiasForm.None && !isExplicit)
        {
            _scaleLogE = b.Parameter<F32>("scale_log2e");
            return;
        }

        _scale = b.Parameter<F32>("scale");
        _cap = hasSoftcap ? (b.Parameter<F32>("cap"), b.Parameter<F32>("inverse_cap")) : null;
        _bias = bias == BiasForm.None ? null : new BiasParameters(b, bias);
    }

    /// <summary>True if a score is the product times <see cref="ScaleLogE"/>.</summary>
    public bool IsPlain => _scaleLogE is not null;

    /// <summary>scale·log2(e), of a plain score.</summary>
    public F32 ScaleLogE => _scaleLogE!.Value;

    /// <summary>A score, times log2(e).</summary>
    public F32 Apply(KernelBuilder b, F32 product, B32 batch, B32 head, B32 query, B32 key)
    {
        if (IsPlain)
        {
            return b.Mul(product, ScaleLogE);
        }

        var score = _bias is null
            ? b.Mul(product, _scale!.Value)
            : b.Fma(product, _scale!.Value, b.LoadGlobal<F32>(_bias.Of(b, batch, head, query, key)));
        if (_cap is { } cap)
        {
            score = b.Mul(cap.Cap, b.AccurateTanh(b.Mul(score, cap.Inverse)));
        }

        return b.Mul(score, RowResult.LogE);
    }

    /// <summary>What is added to scores.</summary>
    private sealed class BiasParameters(KernelBuilder builder, BiasForm form)
    {
        // F32 values.
        private readonly B64 _values = builder.Parameter<B64>("bias");

        // Elements between two heads; 0 where they share.
        private readonly B32 _headStride = builder.Parameter<B32>("bias_head_stride");

        // By pair, elements between two batch items, 0 where they share; by distance, unused.
        private readonly B32 _batchStride = builder.Parameter<B32>("bias_batch_stride");

        // By pair, elements between two queries; by distance, unused.
        private readonly B32 _rowStride = builder.Parameter<B32>("bias_row_stride");

        // By distance, int32 for each batch item: what k − q is added to for the place in a head's values; by pair, unused.
        private readonly B64 _origins = builder.Parameter<B64>("bias_origins");

        /// <summary>The bias of a pair.</summary>
        public GlobalPointer Of(KernelBuilder b, B32 batch, B32 head, B32 query, B32 key)
        {
            if (form == BiasForm.ByDistance)
            {
                var origin = b.LoadGlobal<B32>(b.Element(_origins, batch, sizeof(int)));
                return b.Element(_values, b.Mad(head, _headStride, b.Add(b.Sub(key, query), origin)), sizeof(float));
            }

            var plane = b.MadWideU32(batch, _batchStride, b.MulWideU32(head, _headStride));
            var element = b.Add(b.MadWideU32(query, _rowStride, plane), b.ExtendU32(key));
            return new GlobalPointer(b.Add(_values, b.Shl(element, 2)));
        }
    }
}
