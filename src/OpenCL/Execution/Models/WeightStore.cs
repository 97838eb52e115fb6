using Stof.Reference.Tensors;

namespace Stof.Reference.OpenCL.Execution.Models;

/// <summary>Weights on a device in the form that kernels read, made once a tensor and kept as long as the backend and the model.</summary>
/// <param name="device">The device.</param>
internal sealed class WeightStore(KernelDevice device)
{
    private readonly Dictionary<(HostTensor Tensor, string Form), OpenClBuffer> _buffers = [];

    /// <summary>A bias or a norm's parameter as floats; null for none.</summary>
    public OpenClBuffer? Vector(HostTensor? weight) => weight is null ? null : Get(weight, "floats", tensor => device.Context.Upload<float>(Floats(tensor)));

    /// <summary>A table or a weight as it is.</summary>
    public OpenClBuffer Plain(HostTensor weight) => Get(weight, "plain", tensor => device.Context.Upload<byte>(tensor.Bytes));

    /// <summary>A product's weight [width, depth] as panels of floats [panel][depth][2·lanes]; gated: gates and what they gate side by side.</summary>
    public OpenClBuffer Panels(HostTensor weight, bool isGated) =>
        Get(weight, isGated ? "gated panels" : "panels", tensor => device.Context.Upload<float>(Pack(tensor, isGated, device.Lanes)));

    /// <summary>Panels of a product.</summary>
    public static int PanelCount(int productWidth, bool isGated, int lanes) =>
        isGated ? ((productWidth / 2) + lanes - 1) / lanes : (productWidth + (2 * lanes) - 1) / (2 * lanes);

    private static float[] Floats(HostTensor tensor)
    {
        var values = new float[tensor.Count];
        tensor.CopyTo(values);
        return values;
    }

    private static float[] Pack(HostTensor weight, bool isGated, int lanes)
    {
        var (width, depth) = (weight.Shape[0], weight.Shape[1]);
        var source = Floats(weight);
        var panel = 2 * lanes;
        var panels = PanelCount(width, isGated, lanes);
        var packed = new float[checked(panels * depth * panel)];
        Parallel.For(0, panels, p =>
        {
            for (var lane = 0; lane < panel; lane++)
            {
                var column = isGated
                    ? (p * lanes) + (lane % lanes) + (lane < lanes ? 0 : width / 2)
                    : (p * panel) + lane;
                if (isGated ? (p * lanes) + (lane % lanes) >= width / 2 : column >= width)
                {
                    continue;
                }

                for (var d = 0; d < depth; d++)
                {
                    packed[(((p * depth) + d) * panel) + lane] = source[(column * depth) + d];
                }
            }
        });
        return packed;
    }

    private OpenClBuffer Get(HostTensor weight, string form, Func<HostTensor, OpenClBuffer> make)
    {
        if (!_buffers.TryGetValue((weight, form), out var buffer))
        {
            _buffers.Add((weight, form), buffer = make(weight));
        }

        return buffer;
    }
}
