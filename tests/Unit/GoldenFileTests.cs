using Stof.Reference.Tests;
using Xunit.Sdk;

namespace Stof.Reference.Unit.Tests;

public class GoldenFileTests
{
    [Fact]
    public void A_committed_file_is_found_beside_its_test() => GoldenFile.Verify("first line\nsecond line\n");

    [Theory]
    [InlineData("a/b")]
    public void Parameters_become_part_of_the_name(string parameter) => GoldenFile.Verify("{}\n", "json", [parameter, 7]);

    [Fact]
    public void A_mismatch_names_the_first_line_and_leaves_what_was_received()
    {
        using var folder = new TempFolder();
        File.WriteAllText(folder.File("T.M.verified.txt"), "same\nold\n");
        var failure = Assert.Throws<FailException>(() => GoldenFile.Compare("same\nnew\n", folder.File("T.M"), "txt", accept: false));
        Assert.Contains("line 2\nexpected: old\nactual:   new", failure.Message, StringComparison.Ordinal);
        Assert.Equal("same\nnew\n", File.ReadAllText(folder.File("T.M.received.txt")));

        GoldenFile.Compare("same\nold\n", folder.File("T.M"), "txt", accept: false);
        Assert.False(File.Exists(folder.File("T.M.received.txt")));
    }

    [Fact]
    public void Missing_files_byte_order_marks_and_carriage_returns_fail()
    {
        using var folder = new TempFolder();
        Assert.Throws<FailException>(() => GoldenFile.Compare("x", folder.File("A"), "txt", accept: false));
        File.WriteAllBytes(folder.File("B.verified.txt"), [0xEF, 0xBB, 0xBF, (byte)'x']);
        Assert.Contains("byte order mark", Assert.Throws<FailException>(() => GoldenFile.Compare("x", folder.File("B"), "txt", accept: false)).Message, StringComparison.Ordinal);
        File.WriteAllText(folder.File("C.verified.txt"), "x\r\n");
        Assert.Contains("carriage", Assert.Throws<FailException>(() => GoldenFile.Compare("x\n", folder.File("C"), "txt", accept: false)).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Accepting_writes_UTF8_with_line_feeds_only()
    {
        using var folder = new TempFolder();
        GoldenFile.Compare("é\r\n", folder.File("D"), "txt", accept: true);
        Assert.Equal([0xC3, 0xA9, 0x0A], File.ReadAllBytes(folder.File("D.verified.txt")));
        Assert.Single(Directory.GetFiles(folder.Path));
    }
}
