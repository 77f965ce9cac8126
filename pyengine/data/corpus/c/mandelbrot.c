// Draws the Mandelbrot set into a BMP file. c99 -O2 mandelbrot.c -lm -lpthread
#include <inttypes.h>
#include <math.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

typedef struct { uint8_t b, g, r; } Pixel;

typedef struct {
  int width, height;
  double cx, cy, scale;
  int limit;
  Pixel *pixels;
  int nextRow;
  pthread_mutex_t lock;
} Picture;

static bool inMainBody(double x, double y) {
  double q = (x - 0.25) * (x - 0.25) + y * y;
  return q * (q + x - 0.25) <= 0.25 * y * y || (x + 1) * (x + 1) + y * y <= 1.0 / 16;
}

static double escapeTime(double cx, double cy, int limit) {
  if (inMainBody(cx, cy)) return limit;
  double x = 0, y = 0;
  for (int i = 0; i < limit; i++) {
    double xx = x * x, yy = y * y;
    if (xx + yy > 256.0) return i + 1 - log2(log2(xx + yy) / 2);
    y = 2 * x * y + cy;
    x = xx - yy + cx;
  }
  return limit;
}

static Pixel colour(double t, int limit) {
  if (t >= limit) return (Pixel){0, 0, 0};
  double a = 0.12 * t;
  return (Pixel){
    .r = (uint8_t)(127.5 + 127.5 * sin(a + 4.0)),
    .g = (uint8_t)(127.5 + 127.5 * sin(a + 2.6)),
    .b = (uint8_t)(127.5 + 127.5 * sin(a + 1.2)),
  };
}

static void *worker(void *arg) {
  Picture *p = arg;
  for (;;) {
    pthread_mutex_lock(&p->lock);
    int row = p->nextRow++;
    pthread_mutex_unlock(&p->lock);
    if (row >= p->height) return NULL;

    double cy = p->cy + (row - p->height / 2) * p->scale;
    for (int col = 0; col < p->width; col++) {
      double cx = p->cx + (col - p->width / 2) * p->scale;
      p->pixels[row * p->width + col] = colour(escapeTime(cx, cy, p->limit), p->limit);
    }
  }
}

static void put32(uint8_t *at, uint32_t value) {
  for (int i = 0; i < 4; i++) at[i] = value >> (8 * i);
}

// BMP rows run from the bottom upwards and are padded to four bytes.
static int save(const Picture *p, const char *path) {
  FILE *f = fopen(path, "wb");
  if (!f) return -1;
  uint32_t stride = (p->width * 3u + 3) & ~3u;
  uint8_t header[54] = {'B', 'M'}, zero[4] = {0};
  put32(header + 2, 54 + stride * p->height);
  put32(header + 10, 54);
  put32(header + 14, 40);
  put32(header + 18, p->width);
  put32(header + 22, p->height);
  put32(header + 26, 1 | 24 << 16);
  fwrite(header, 1, sizeof header, f);
  for (int row = 0; row < p->height; row++) {
    fwrite(p->pixels + row * p->width, 3, p->width, f);
    fwrite(zero, 1, stride - 3 * p->width, f);
  }
  return fclose(f);
}

int main(int argc, char *argv[]) {
  Picture p = {.width = 960, .height = 640, .cx = -0.7, .cy = 0, .scale = 0.0033, .limit = 500};
  if (argc == 4) {
    p.cx = atof(argv[1]);
    p.cy = atof(argv[2]);
    p.scale = atof(argv[3]);
  }
  p.pixels = malloc(sizeof(Pixel) * p.width * p.height);
  pthread_mutex_init(&p.lock, NULL);
  pthread_t threads[8];
  for (int i = 0; i < 8; i++) pthread_create(&threads[i], NULL, worker, &p);
  for (int i = 0; i < 8; i++) pthread_join(threads[i], NULL);
  if (save(&p, "mandelbrot.bmp") != 0) {
    perror("mandelbrot.bmp");
    return 1;
  }
  free(p.pixels);
}
