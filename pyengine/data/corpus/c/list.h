#ifndef LIST_H
#define LIST_H

#include <stddef.h>

/* A doubly linked list whose links live inside the elements. */
typedef struct list_link {
    struct list_link *next;
    struct list_link *previous;
} list_link;

#define LIST_INIT(name) { &(name), &(name) }
#define LIST_ENTRY(link, type, member) ((type *)((char *)(link) - offsetof(type, member)))
#define LIST_FOR_EACH(link, list) \
    for (list_link *link = (list)->next; link != (list); link = link->next)

static inline void list_insert(list_link *link, list_link *after)
{
    link->previous = after;
    link->next = after->next;
    after->next->previous = link;
    after->next = link;
}

static inline void list_remove(list_link *link)
{
    link->previous->next = link->next;
    link->next->previous = link->previous;
    link->next = link->previous = NULL;
}

static inline int list_empty(const list_link *list)
{
    return list->next == list;
}

/* Moves all elements of `from` to the end of `to`; `from` is empty afterwards. */
static inline void list_splice(list_link *from, list_link *to)
{
    if (list_empty(from))
        return;
    from->next->previous = to->previous;
    to->previous->next = from->next;
    from->previous->next = to;
    to->previous = from->previous;
    from->next = from->previous = from;
}

static inline size_t list_length(const list_link *list)
{
    size_t n = 0;

    for (const list_link *link = list->next; link != list; link = link->next)
        n++;
    return n;
}

/*
 * Inserts behind the last element that is not larger, so that elements which compare equal stay in
 * the order in which they came.
 */
static inline void list_insert_sorted(list_link *link, list_link *list,
                                      int (*compare)(const list_link *, const list_link *))
{
    list_link *at = list->previous;

    while (at != list && compare(at, link) > 0)
        at = at->previous;
    list_insert(link, at);
}

#endif /* LIST_H */
