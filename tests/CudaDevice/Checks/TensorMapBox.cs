using Stof.Reference.Cuda.Driver;

namespace Stof.Reference.DeviceChecks.Checks;

/// <summary>The copy engine reads the box that a tensor map and coordinates name, with zeros outside the tensor.</summary>
internal static class TensorMapBox
{
    private const int Side = 16;
    private const int Columns = 40;
    private const int Rows = 50;
    private const int Pitch = 48;

    public static DeviceCheck Check { get; } = new("tensor-map-box", Run) { NeedsCapability = new(9, 0) };

    private static CheckOutcome Run(CheckSession session)
    {
        var kernel = session.Kernel("hopper.ptx", "box");
        var values = Enumerable.Range(0, Rows * Pitch).Select(index => index + 0.5f).ToArray();
        using var memory = session.Upload(values);
        using var result = session.Upload(new float[Side * Side]);
        var map = session.Context.EncodeTensorMap(new(memory, TensorMapType.F32, [Columns, Rows], [Pitch * sizeof(float)], [Side, Side]));
        long cases = 0;
        foreach (var (column, row) in new[] { (0, 0), (8, 3), (24, 34), (32, 40), (-4, -1), (40, 0) })
        {
            kernel.Launch(
                session.Stream,
                new LaunchShape(new Dim3(1), new Dim3(Side * Side)),
                new ParameterBlock().Add(map).Add(result).Add(column).Add(row));
            var expected = new float[Side * Side];
            for (var y = 0; y < Side; y++)
            {
                for (var x = 0; x < Side; x++)
                {
                    var (left, top) = (column + x, row + y);
                    expected[(y * Side) + x] = left is >= 0 and < Columns && top is >= 0 and < Rows ? values[(top * Pitch) + left] : 0;
                }
            }

            cases += CheckSession.RequireEqual(expected, session.Download<float>(result), $"box at column {column}, row {row}");
        }

        return new(cases);
    }
}
