#include "arena.h"

#include <stdalign.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

/**
 * @file arena.c
 * @brief Memory that is freed all at once.
 *
 * The parser allocates thousands of little nodes and throws all of them away together. Blocks double
 * in size, so that there are few of them, and are kept by arena_reset() for the next document.
 */

#define FIRST_BLOCK  ((size_t)4096)
#define LARGEST      ((size_t)1 << 22)

struct block {
  struct block *next;
  size_t size;
  size_t used;
  alignas(max_align_t) unsigned char data[];
};

struct arena {
  struct block *first;
  struct block *current;
  arena_oom_handler *on_oom;
  size_t total;
};

static struct block *new_block(struct arena *arena, size_t size)
{
  struct block *b = malloc(sizeof *b + size);

  if (b == NULL) {
    if (arena->on_oom != NULL)
      arena->on_oom(size);
    return NULL;
  }
  b->next = NULL;
  b->size = size;
  b->used = 0;
  arena->total += size;
  return b;
}

struct arena *arena_create(arena_oom_handler *on_oom)
{
  struct arena *arena = calloc(1, sizeof *arena);

  if (arena != NULL) {
    arena->on_oom = on_oom;
    arena->first = arena->current = new_block(arena, FIRST_BLOCK);
    if (arena->first == NULL) {
      free(arena);
      arena = NULL;
    }
  }
  return arena;
}

void *arena_alloc(struct arena *arena, size_t size, size_t align)
{
  struct block *b = arena->current;
  size_t start;

  if (size > SIZE_MAX / 2)
    return NULL;
  for (;;) {
    start = (b->used + align - 1) & ~(align - 1);
    if (start <= b->size && size <= b->size - start)
      break;
    if (b->next == NULL) {
      size_t wanted = b->size < LARGEST ? b->size * 2 : LARGEST;
      b->next = new_block(arena, wanted > size + align ? wanted : size + align);
      if (b->next == NULL)
        return NULL;
    }
    b = arena->current = b->next;
  }
  b->used = start + size;
  return b->data + start;
}

char *arena_strndup(struct arena *arena, const char *text, size_t length)
{
  char *copy = arena_alloc(arena, length + 1, 1);

  if (copy != NULL) {
    memcpy(copy, text, length);
    copy[length] = '\0';
  }
  return copy;
}

void arena_reset(struct arena *arena)
{
  for (struct block *b = arena->first; b != NULL; b = b->next)
    b->used = 0;
  arena->current = arena->first;
}

size_t arena_total(const struct arena *arena)
{
  return arena->total;
}

void arena_destroy(struct arena *arena)
{
  struct block *b, *next;

  if (arena == NULL)
    return;
  for (b = arena->first; b != NULL; b = next) {
    next = b->next;
    free(b);
  }
  free(arena);
}
