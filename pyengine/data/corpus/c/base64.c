#include <stdio.h>
#include <stdlib.h>

#define COLUMNS 76

static const char alphabet[] =
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

enum status { STATUS_OK = 0, STATUS_READ = 1, STATUS_WRITE = 2 };

static enum status encode(FILE *in, FILE *out)
{
    unsigned char block[3];
    int column = 0;
    size_t n;

    do {
        n = fread(block, 1, sizeof block, in);
        if (n == 0)
            break;
        for (size_t i = n; i < sizeof block; i++)
            block[i] = 0;
        unsigned long bits = (unsigned long)block[0] << 16 | block[1] << 8 | block[2];
        for (int i = 0; i < 4; i++) {
            int c = (size_t)i > n ? '=' : alphabet[bits >> (18 - 6 * i) & 0x3f];
            if (putc(c, out) == EOF)
                return STATUS_WRITE;
        }
        column += 4;
        if (column >= COLUMNS) {
            putc('\n', out);
            column = 0;
        }
    } while (n == sizeof block);

    if (column > 0)
        putc('\n', out);
    return ferror(in) ? STATUS_READ : STATUS_OK;
}

int main(int argc, char **argv)
{
    FILE *in = stdin;

    if (argc > 1 && (in = fopen(argv[1], "rb")) == NULL) {
        perror(argv[1]);
        return EXIT_FAILURE;
    }
    switch (encode(in, stdout)) {
    case STATUS_READ:
        fputs("cannot read\n", stderr);
        return EXIT_FAILURE;
    case STATUS_WRITE:
        fputs("cannot write\n", stderr);
        return EXIT_FAILURE;
    default:
        return EXIT_SUCCESS;
    }
}
