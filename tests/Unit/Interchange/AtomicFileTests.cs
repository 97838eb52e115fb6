using Stof.Reference.Interchange;
using Stof.Reference.Tests;

namespace Stof.Reference.Unit.Tests.Interchange;

public class AtomicFileTests
{
    [Fact]
    public void A_file_is_replaced_and_nothing_else_is_left()
    {
        using var folder = new TempFolder();
        AtomicFile.WriteText(folder.File("a.txt"), "one");
        AtomicFile.WriteText(folder.File("a.txt"), "zwölf");
        Assert.Equal([0x7a, 0x77, 0xc3, 0xb6, 0x6c, 0x66], File.ReadAllBytes(folder.File("a.txt")));
        Assert.Single(Directory.GetFileSystemEntries(folder.Path));
    }

    [Fact]
    public void A_failing_writer_leaves_the_old_file()
    {
        using var folder = new TempFolder();
        AtomicFile.WriteText(folder.File("a.txt"), "old");
        Assert.Throws<InvalidOperationException>(() => AtomicFile.Write(folder.File("a.txt"), stream =>
        {
            stream.Write("half"u8);
            throw new InvalidOperationException("disk on fire");
        }));
        Assert.Equal("old", File.ReadAllText(folder.File("a.txt")));
        Assert.Single(Directory.GetFileSystemEntries(folder.Path));
    }

    [Fact]
    public void Folders_and_missing_folders_are_refused_by_name()
    {
        using var folder = new TempFolder();
        foreach (var path in (string[])[folder.Path, folder.File("none/a.txt"), folder.File("b/"), ""])
        {
            Assert.Throws<InvalidInputException>(() => AtomicFile.WriteText(path, "x"));
        }
    }

    [Fact]
    public void Devices_are_written_to_and_not_replaced()
    {
        if (OperatingSystem.IsLinux())
        {
            AtomicFile.WriteText("/dev/null", "gone");
            Assert.Empty(File.ReadAllBytes("/dev/null"));
            Assert.ThrowsAny<IOException>(() => AtomicFile.WriteText("/dev/full", "no room"));
        }
    }

    [Fact]
    public void A_symbolic_link_is_followed()
    {
        using var folder = new TempFolder();
        AtomicFile.WriteText(folder.File("real.txt"), "old");
        File.CreateSymbolicLink(folder.File("link.txt"), folder.File("real.txt"));
        AtomicFile.WriteText(folder.File("link.txt"), "new");
        Assert.Equal("new", File.ReadAllText(folder.File("real.txt")));
        Assert.NotNull(new FileInfo(folder.File("link.txt")).LinkTarget);
    }
}
