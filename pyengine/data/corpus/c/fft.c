#include <assert.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

typedef struct { double re, im; } cplx;

static const double PI = 3.14159265358979323846;

static unsigned reverse_bits(unsigned x, int bits)
{
    unsigned r = 0;
    while (bits--) {
        r = r << 1 | (x & 1);
        x >>= 1;
    }
    return r;
}

/*
 * In-place radix-2 transform. n must be a power of two; sign is -1 for the transform
 * and +1 for its inverse (which is not scaled).
 */
void fft(cplx *a, unsigned n, int sign)
{
    int bits = 0;

    assert(n && !(n & (n - 1)));
    while (1u << bits < n)
        bits++;

    for (unsigned i = 0; i < n; i++) {
        unsigned j = reverse_bits(i, bits);
        if (i < j) {
            cplx t = a[i];
            a[i] = a[j];
            a[j] = t;
        }
    }

    for (unsigned half = 1; half < n; half *= 2) {
        /* Twiddles are computed afresh; multiplying them up loses a digit for every few stages. */
        for (unsigned k = 0; k < half; k++) {
            double angle = sign * PI * k / half;
            double c = cos(angle), s = sin(angle);
            for (unsigned i = k; i < n; i += 2 * half) {
                cplx *even = &a[i], *odd = &a[i + half];
                double re = c * odd->re - s * odd->im;
                double im = s * odd->re + c * odd->im;
                odd->re = even->re - re;
                odd->im = even->im - im;
                even->re += re;
                even->im += im;
            }
        }
    }
}

/* Hann window: side lobes fall off fast, at the price of a main lobe twice as wide. */
static void window(cplx *a, unsigned n)
{
    for (unsigned i = 0; i < n; i++)
        a[i].re *= 0.5 - 0.5 * cos(2 * PI * i / (n - 1));
}

static double magnitude(cplx z)
{
    return hypot(z.re, z.im);
}

static double peak_frequency(const cplx *spectrum, unsigned n, double rate)
{
    unsigned best = 1;

    for (unsigned k = 2; k < n / 2 - 1; k++)
        if (magnitude(spectrum[k]) > magnitude(spectrum[best]))
            best = k;

    /* a parabola through the logarithms of three bins finds the peak between them */
    double l = log(magnitude(spectrum[best - 1]) + 1e-300);
    double m = log(magnitude(spectrum[best]) + 1e-300);
    double r = log(magnitude(spectrum[best + 1]) + 1e-300);
    double curve = l - 2 * m + r;
    double shift = curve != 0 ? 0.5 * (l - r) / curve : 0;
    return (best + shift) * rate / n;
}

int main(int argc, char **argv)
{
    enum { N = 4096 };
    double rate = argc > 1 ? atof(argv[1]) : 8000;
    static cplx a[N];
    double sample;
    unsigned n = 0;

    if (rate <= 0) {
        fprintf(stderr, "usage: %s [RATE] < samples.txt\n", argv[0]);
        return 2;
    }
    while (n < N && scanf("%lf", &sample) == 1)
        a[n++].re = sample;
    if (n < 16) {
        fprintf(stderr, "too few samples: %u\n", n);
        return 1;
    }
    window(a, n);       /* the rest stays zero, which only makes the bins finer */
    fft(a, N, -1);
    printf("%.2f Hz\n", peak_frequency(a, N, rate));
    return 0;
}
