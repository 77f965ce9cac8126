using System;
using System.Buffers;
using System.IO;
using System.Text;

namespace Tools
{
    /// <summary>
    /// Writes bytes the way a debugger shows them: offset, sixteen bytes, and the characters they may be.
    /// Repeated lines are folded into one asterisk, as in the old Unix tool.
    /// </summary>
    internal static class HexDump
    {
        private const int Width = 16;
        private static ReadOnlySpan<byte> Digits => "0123456789abcdef"u8;

        private static int Main(string[] args)
        {
            if (args.Length is 0 or > 3)
            {
                Console.Error.WriteLine("usage: hexdump FILE [OFFSET [LENGTH]]");
                return 64;
            }

            long offset = args.Length > 1 ? ParseNumber(args[1]) : 0;
            long length = args.Length > 2 ? ParseNumber(args[2]) : long.MaxValue;
            using FileStream stream = File.OpenRead(args[0]);
            using Stream output = Console.OpenStandardOutput();
            stream.Seek(offset, SeekOrigin.Begin);
            Dump(stream, output, offset, length);
            return 0;
        }

        private static long ParseNumber(string text) =>
            text.StartsWith("0x", StringComparison.OrdinalIgnoreCase)
                ? Convert.ToInt64(text[2..], 16)
                : long.Parse(text);

        private static void Dump(Stream input, Stream output, long offset, long length)
        {
            byte[] buffer = ArrayPool<byte>.Shared.Rent(Width);
            Span<byte> previous = stackalloc byte[Width];
            Span<byte> line = stackalloc byte[80];
            bool folding = false, first = true;
            try
            {
                while (length > 0)
                {
                    int want = (int)Math.Min(Width, length);
                    int got = input.ReadAtLeast(buffer.AsSpan(0, want), want, throwOnEndOfStream: false);
                    if (got == 0) break;

                    ReadOnlySpan<byte> row = buffer.AsSpan(0, got);
                    if (!first && got == Width && row.SequenceEqual(previous))
                    {
                        if (!folding) output.Write("*\n"u8);
                        folding = true;
                    }
                    else
                    {
                        folding = false;
                        output.Write(line[..Format(row, offset, line)]);
                    }
                    row.CopyTo(previous);
                    first = false;
                    offset += got;
                    length -= got;
                }
            }
            finally
            {
                ArrayPool<byte>.Shared.Return(buffer);
            }
        }

        private static int Format(ReadOnlySpan<byte> row, long offset, Span<byte> line)
        {
            line.Fill((byte)' ');
            for (int i = 0; i < 8; i++)
                line[7 - i] = Digits[(int)(offset >> (4 * i)) & 0xF];

            for (int i = 0; i < row.Length; i++)
            {
                int at = 10 + 3 * i + (i >= 8 ? 1 : 0);
                line[at] = Digits[row[i] >> 4];
                line[at + 1] = Digits[row[i] & 0xF];
                line[61 + i] = row[i] is >= 0x20 and < 0x7F ? row[i] : (byte)'.';
            }
            line[61 + row.Length] = (byte)'\n';
            return 62 + row.Length;
        }
    }
}
