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

#endif /* LIST_H */
