using Stof.Reference.OpenCL.Api;
using Stof.Reference.Tests;

namespace Stof.Reference.OpenCL.Tests;

public sealed class ErrorTableTests
{
    [Fact]
    public void Every_row_says_what_happened_and_what_to_do() => GoldenFile.Verify(
        string.Concat(OpenClErrorTable.All.Select(row => $"{row.Code} {row.Name}: {row.Meaning}; {row.Remedy}\n")));

    [Fact]
    public void Every_result_that_this_layer_names_has_a_row()
    {
        foreach (var result in Enum.GetValues<ClResult>().Where(result => result != ClResult.Success))
        {
            Assert.NotEqual("unlisted error", OpenClErrorTable.Find(result).Name);
        }
    }

    [Fact]
    public void A_vendors_own_code_is_an_answer_too() => Assert.Equal((-1234, "unlisted error"), (OpenClErrorTable.Find((ClResult)(-1234)).Code, OpenClErrorTable.Find((ClResult)(-1234)).Name));
}
