namespace Stof.Reference.Bench.Quick;

internal static class RowQuick
{
    public static void Run(TextWriter output) => output.WriteLine("later");
}
