using System.Text.RegularExpressions;
using Stof.Reference.Cuda.Driver;
using Stof.Reference.Cuda.Driver.Api;
using Stof.Reference.Tests;

namespace Stof.Reference.Cuda.Tests.Driver;

public sealed partial class ErrorTableTests
{
    [Fact]
    public void Every_result_has_one_row_with_the_headers_name()
    {
        var expected = Enum.GetValues<CudaResult>()
            .Where(result => result != CudaResult.Success)
            .ToDictionary(result => (int)result, result => $"CUDA_ERROR_{WordBreak().Replace(result.ToString(), "_").ToUpperInvariant()}");

        Assert.Equal(expected.OrderBy(row => row.Key), CudaErrorTable.All.ToDictionary(row => row.Code, row => row.Name).OrderBy(row => row.Key));
    }

    [Fact]
    public void Every_row_says_what_happened_and_what_to_do() => GoldenFile.Verify(string.Concat(CudaErrorTable.All.Select(
        row => $"{row.Code} {row.Name}{(row.LosesContext ? " [context lost]" : "")}: {row.Meaning}; {row.Remedy}\n")));

    [Fact]
    public void The_codes_after_which_a_context_is_of_no_use_lose_it()
    {
        int[] expected = [214, 220, 226, 700, 702, 709, 710, 714, 715, 716, 717, 718, 719, 721, 810, 999];

        Assert.Equal(expected, CudaErrorTable.All.Where(row => row.LosesContext).Select(row => row.Code));
        Assert.All(CudaErrorTable.All, row => Assert.True(row.Meaning.Length > 10 && row.Remedy.Length > 10, $"{row}"));
    }

    [Fact]
    public void A_code_that_is_not_listed_takes_its_name_from_the_driver()
    {
        var error = CudaErrorTable.Find((CudaResult)4711, new FakeCudaApi());

        Assert.Equal((4711, "CUDA_ERROR_FROM_THE_FUTURE"), (error.Code, error.Name));
    }

    [GeneratedRegex("(?<=[a-z0-9])(?=[A-Z])")]
    private static partial Regex WordBreak();
}
