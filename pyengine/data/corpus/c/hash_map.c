#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

/* Open addressing with linear probing; the capacity is a power of two. */

struct slot {
    char *key;
    int64_t value;
};

struct hash_map {
    struct slot *slots;
    size_t capacity;
    size_t used;
};

static uint64_t hash(const char *text)
{
    uint64_t h = 14695981039346656037ULL;

    while (*text) {
        h ^= (unsigned char)*text++;
        h *= 1099511628211ULL;
    }
    return h;
}

static struct slot *find(const struct hash_map *map, const char *key)
{
    size_t mask = map->capacity - 1;
    size_t i = hash(key) & mask;

    while (map->slots[i].key != NULL && strcmp(map->slots[i].key, key) != 0)
        i = (i + 1) & mask;
    return &map->slots[i];
}

bool hash_map_init(struct hash_map *map, size_t capacity)
{
    map->slots = calloc(capacity, sizeof *map->slots);
    map->capacity = capacity;
    map->used = 0;
    return map->slots != NULL;
}

static bool grow(struct hash_map *map)
{
    struct hash_map larger;

    if (!hash_map_init(&larger, map->capacity * 2))
        return false;
    for (size_t i = 0; i < map->capacity; i++) {
        if (map->slots[i].key != NULL)
            *find(&larger, map->slots[i].key) = map->slots[i];
    }
    larger.used = map->used;
    free(map->slots);
    *map = larger;
    return true;
}

bool hash_map_put(struct hash_map *map, const char *key, int64_t value)
{
    struct slot *slot;

    if (map->used * 4 >= map->capacity * 3 && !grow(map))
        return false;
    slot = find(map, key);
    if (slot->key == NULL) {
        size_t size = strlen(key) + 1;
        slot->key = malloc(size);
        if (slot->key == NULL)
            return false;
        memcpy(slot->key, key, size);
        map->used++;
    }
    slot->value = value;
    return true;
}
