namespace Stof.Reference.Tests;

/// <summary>
/// Hands damaged copies of small valid files to a reader. The reader may accept or refuse with
/// <see cref="InvalidInputException"/>; any other exception, a message of several lines, or memory beyond the stated bound is a
/// failure.
/// </summary>
internal static class Mutations
{
    private static readonly byte[] Interesting = [0, 1, 2, 0x7f, 0x80, 0xff, .. " \"'(,09[{}"u8];

    /// <summary>Every proper prefix must be refused.</summary>
    public static void RequireRefusalOfEveryPrefix(byte[] file, Action<byte[]> read)
    {
        for (var length = 0; length < file.Length; length++)
        {
            var prefix = file[..length];
            if (Refusal(prefix, read, long.MaxValue, $"prefix of {length} of {file.Length} bytes") is null)
            {
                Assert.Fail($"a prefix of {length} of {file.Length} bytes was accepted");
            }
        }
    }

    /// <summary>
    /// Random damage: bytes overwritten, bits flipped, runs inserted, removed, repeated, integers set to extremes.
    /// </summary>
    /// <param name="files">Valid files to start from.</param>
    /// <param name="read">The reader.</param>
    /// <param name="count">How many.</param>
    /// <param name="seed">Of the random numbers.</param>
    /// <param name="bytesAllowed">How much may be allocated for a file of the given size.</param>
    public static void Run(IReadOnlyList<byte[]> files, Action<byte[]> read, int count, int seed, Func<int, long> bytesAllowed)
    {
        var random = new Random(seed);
        var refused = 0;
        for (var i = 0; i < count; i++)
        {
            var file = Damage(files[random.Next(files.Count)], random);
            if (Refusal(file, read, bytesAllowed(file.Length), $"seed {seed}, mutation {i}") is not null)
            {
                refused++;
            }
        }

        // A reader that refuses everything, or nothing, would make the rest of this test empty.
        Assert.InRange(refused, count / 100, count - 1);
    }

    /// <summary>The refusal, or null if the reader accepted.</summary>
    public static InvalidInputException? Refusal(byte[] file, Action<byte[]> read, long bytesAllowed, string label)
    {
        var before = GC.GetAllocatedBytesForCurrentThread();
        InvalidInputException? refusal = null;
        try
        {
            read(file);
        }
        catch (InvalidInputException exception)
        {
            refusal = exception;
        }
        catch (Exception exception)
        {
            throw new InvalidOperationException(
                $"{label}: {exception.GetType().Name} for {Convert.ToHexString(file)}", exception);
        }

        var allocated = GC.GetAllocatedBytesForCurrentThread() - before;
        Assert.True(
            allocated <= bytesAllowed,
            $"{label}: {allocated} bytes allocated, {bytesAllowed} allowed, for {Convert.ToHexString(file)}");
        Assert.DoesNotContain('\n', refusal?.Message ?? string.Empty);
        return refusal;
    }

    private static byte[] Damage(byte[] source, Random random)
    {
        var bytes = source.ToList();
        for (var times = random.Next(1, 5); times > 0 && bytes.Count > 0; times--)
        {
            var at = random.Next(bytes.Count);
            var run = Math.Min(random.Next(1, 9), bytes.Count - at);
            switch (random.Next(7))
            {
                case 0:
                    bytes[at] = (byte)random.Next(256);
                    break;
                case 1:
                    bytes[at] ^= (byte)(1 << random.Next(8));
                    break;
                case 2:
                    bytes[at] = Interesting[random.Next(Interesting.Length)];
                    break;
                case 3:
                    bytes.RemoveRange(at, run);
                    break;
                case 4:
                    bytes.InsertRange(at, bytes.GetRange(at, run));
                    break;
                case 5:
                    var fill = random.Next(2) == 0 ? byte.MaxValue : (byte)random.Next(256);
                    for (var i = at; i < at + run; i++)
                    {
                        bytes[i] = fill;
                    }

                    break;
                default:
                    var from = random.Next(bytes.Count);
                    bytes.InsertRange(at, bytes.GetRange(from, Math.Min(run, bytes.Count - from)));
                    break;
            }
        }

        return [.. bytes];
    }
}
