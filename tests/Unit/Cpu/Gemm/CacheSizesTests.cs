using Stof.Reference.Cpu.Simd;
using Stof.Reference.Tests;

namespace Stof.Reference.Unit.Tests.Cpu.Gemm;

public sealed class CacheSizesTests
{
    [Fact]
    public void Data_and_unified_caches_are_read_and_instruction_caches_passed_over()
    {
        using var folder = new TempFolder();
        Write(folder, "index0", "1", "Data", "48K");
        Write(folder, "index1", "1", "Instruction", "64K");
        Write(folder, "index2", "2", "Unified", "2048K");
        Write(folder, "index3", "3", "Unified", "260M");
        Assert.Equal(new CacheSizes(2 << 20, 260 << 20), CacheSizes.Read(folder.Path));
    }

    [Fact]
    public void Without_a_third_level_the_second_is_the_last()
    {
        using var folder = new TempFolder();
        Write(folder, "index0", "1", "Data", "64K");
        Write(folder, "index1", "2", "Unified", "1024K");
        Assert.Equal(new CacheSizes(1 << 20, 1 << 20), CacheSizes.Read(folder.Path));
    }

    [Fact]
    public void What_is_not_there_or_makes_no_sense_is_assumed()
    {
        using var folder = new TempFolder();
        Assert.Equal(CacheSizes.Assumed, CacheSizes.Read(folder.File("nothing")));
        Assert.Equal(CacheSizes.Assumed, CacheSizes.Read(folder.Path));
        Write(folder, "index0", "1", "Data", "much");
        Write(folder, "index1", "first", "Data", "32K");
        Assert.Equal(CacheSizes.Assumed, CacheSizes.Read(folder.Path));
        Directory.CreateDirectory(folder.File("index2"));
        Assert.Equal(CacheSizes.Assumed, CacheSizes.Read(folder.Path));
    }

    [Fact]
    public void Blocks_follow_the_caches()
    {
        var small = GemmTiling.For(new GemmWork(1024, 1024, 1024), 1, new CacheSizes(512 << 10, 8 << 20));
        var large = GemmTiling.For(new GemmWork(1024, 1024, 1024), 1, new CacheSizes(4 << 20, 8 << 20));
        Assert.True(small.RowBlock < large.RowBlock && small.DepthBlock < large.DepthBlock, $"{small} {large}");
    }

    private static void Write(TempFolder folder, string name, string level, string type, string size)
    {
        Directory.CreateDirectory(folder.File(name));
        File.WriteAllText(folder.File($"{name}/level"), level + "\n");
        File.WriteAllText(folder.File($"{name}/type"), type + "\n");
        File.WriteAllText(folder.File($"{name}/size"), size + "\n");
    }
}
