global using Frame = Stof.Reference.Backends.Frame<Stof.Reference.OpenCL.OpenClBuffer>;

using Stof.Reference.Fusion;
using Stof.Reference.Graphs;
using Stof.Reference.Numerics;
using Stof.Reference.Tensors;

namespace Stof.Reference.OpenCL.Execution.Models;

/// <summary>What the makers of steps share: device, workload, weights, and buffers that live as long as the executable.</summary>
/// <param name="Device">The device.</param>
/// <param name="Workload">Batch, length, dtype, mask.</param>
/// <param name="Store">Weights.</param>
/// <param name="Buffers">Freed with the executable.</param>
internal sealed record StepBuilder(KernelDevice Device, Workload Workload, WeightStore Store, BufferSet Buffers)
{
    private const int RowGroup = 128; // work-items that share a row on a GPU

    /// <summary>Work-items of a group that does a row.</summary>
    public int Group => Device.Mapping == Mapping.Lanes ? 1 : Math.Min(RowGroup, Device.Device.MaxWorkGroup);

    /// <summary>A kernel of rows.cl.</summary>
    public OpenClKernel RowKernel(string name, DType? type = null) => Device.Programs.Kernel(
        ProgramSpec.Of("rows.cl", Device.Numbers(type ?? Workload.Type), RowParameters), name);

    /// <summary>Parameters of kernels that do one row a group.</summary>
    public RowParameters RowParameters => new() { Group = Group, SubGroups = Device.SubGroups };

    /// <summary>Starts a kernel that does one row a group.</summary>
    public void LaunchRows(OpenClKernel kernel, long rows) => Device.Context.Launch(kernel, new WorkSize(rows), new WorkSize(Group));

    /// <summary>Floats of local memory that such a kernel needs.</summary>
    public long GroupFloats => Group * sizeof(float);

    /// <summary>A named vector of weights on the device, or null.</summary>
    public OpenClBuffer? Vector(string? name, IReadOnlyDictionary<string, HostTensor> weights) => name is null ? null : Store.Vector(weights[name]);

    /// <summary>Gamma and beta of a norm.</summary>
    public (OpenClBuffer? Gamma, OpenClBuffer? Beta) Norm(NormOperator? norm, IReadOnlyDictionary<string, HostTensor> weights) =>
        (Vector(norm?.Gamma, weights), Vector(norm?.Beta, weights));
}
