using System.Text;

namespace Stof.Reference.OpenCL.Api;

/// <summary>Reads the answers of the clGet…Info calls, which all work in the same way.</summary>
internal static unsafe class InfoReader
{
    /// <summary>One call: size of the place, the place, size needed.</summary>
    public delegate ClResult Query(nuint size, void* value, nuint* needed);

    /// <summary>A text, without the closing zero and blanks around it.</summary>
    /// <exception cref="OpenClException">The call failed.</exception>
    public static string Text(string call, Query query)
    {
        nuint size;
        Check(query(0, null, &size), call);
        if (size == 0)
        {
            return "";
        }

        var bytes = new byte[size];
        fixed (byte* place = bytes)
        {
            Check(query(size, place, null), call);
        }

        var end = bytes.AsSpan().IndexOf((byte)0);
        return Encoding.UTF8.GetString(end < 0 ? bytes : bytes[..end]).Trim();
    }

    /// <summary>A number of a fixed size.</summary>
    /// <exception cref="OpenClException">The call failed.</exception>
    public static T Value<T>(string call, Query query)
        where T : unmanaged
    {
        T value;
        Check(query((nuint)sizeof(T), &value, null), call);
        return value;
    }

    /// <summary>Throws for anything but success.</summary>
    /// <exception cref="OpenClException">Anything but success.</exception>
    public static void Check(ClResult result, string call, string detail = "")
    {
        if (result != ClResult.Success)
        {
            throw new OpenClException(call, OpenClErrorTable.Find(result), detail);
        }
    }
}
