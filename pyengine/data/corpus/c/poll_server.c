#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define MAX_CLIENTS  128
#define IDLE_SECONDS 300

/* A key-value service for one host. Lines: "set KEY VALUE", "get KEY", "quit". */

typedef struct {
    char   line[512];
    size_t len;
    time_t last_seen;
} client_t;

static struct pollfd fds[MAX_CLIENTS + 1];
static client_t clients[MAX_CLIENTS + 1];
static nfds_t nfds = 1;
static volatile sig_atomic_t running = 1;

extern const char *store_get(const char *key);
extern int store_set(const char *key, const char *value);

static void on_signal(int sig) { (void)sig; running = 0; }

static int listen_on(uint16_t port)
{
    int fd, on = 1;
    struct sockaddr_in addr = { .sin_family = AF_INET, .sin_port = htons(port) };

    addr.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    if ((fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) < 0)
        return -1;
    setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
    if (bind(fd, (struct sockaddr *)&addr, sizeof addr) < 0 || listen(fd, 16) < 0) {
        int saved = errno;
        close(fd);
        errno = saved;
        return -1;
    }
    return fd;
}

static void drop(nfds_t i)
{
    close(fds[i].fd);
    nfds--;
    fds[i] = fds[nfds];
    clients[i] = clients[nfds];
}

/* Returns 0 if the client is to be dropped. */
static int answer(int fd, char *line)
{
    char reply[600], *word, *key, *value = line;

    word = strsep(&value, " ");
    key = strsep(&value, " ");
    if (strcmp(word, "quit") == 0)
        return 0;
    if (strcmp(word, "get") == 0 && key) {
        const char *found = store_get(key);
        snprintf(reply, sizeof reply, found ? "+%s\n" : "-not found\n", found);
    } else if (strcmp(word, "set") == 0 && key && value) {
        snprintf(reply, sizeof reply, "%s", store_set(key, value) == 0 ? "+ok\n" : "-full\n");
    } else {
        snprintf(reply, sizeof reply, "-what?\n");
    }
    return send(fd, reply, strlen(reply), MSG_NOSIGNAL) >= 0;
}

static int receive(nfds_t i)
{
    client_t *c = &clients[i];
    ssize_t n = recv(fds[i].fd, c->line + c->len, sizeof c->line - 1 - c->len, 0);
    char *end;

    if (n <= 0)
        return n < 0 && errno == EINTR;
    c->len += (size_t)n;
    c->line[c->len] = '\0';
    c->last_seen = time(NULL);
    while ((end = strchr(c->line, '\n')) != NULL) {
        *end++ = '\0';
        if (!answer(fds[i].fd, c->line))
            return 0;
        c->len -= (size_t)(end - c->line);
        memmove(c->line, end, c->len + 1);
    }
    return c->len < sizeof c->line - 1; /* a line that never ends */
}

int main(int argc, char **argv)
{
    signal(SIGINT, on_signal);
    signal(SIGTERM, on_signal);
    fds[0].fd = listen_on((uint16_t)(argc > 1 ? atoi(argv[1]) : 7070));
    fds[0].events = POLLIN;
    if (fds[0].fd < 0) {
        perror("listen");
        return 1;
    }
    while (running) {
        if (poll(fds, nfds, 10 * 1000) < 0 && errno != EINTR)
            break;
        if ((fds[0].revents & POLLIN) && nfds <= MAX_CLIENTS) {
            fds[nfds] = (struct pollfd){ accept(fds[0].fd, NULL, NULL), POLLIN, 0 };
            clients[nfds] = (client_t){ .last_seen = time(NULL) };
            if (fds[nfds].fd >= 0)
                nfds++;
        }
        for (nfds_t i = nfds - 1; i > 0; i--) {
            int idle = time(NULL) - clients[i].last_seen > IDLE_SECONDS;
            if (idle || (fds[i].revents && !receive(i)))
                drop(i);
        }
    }
    return 0;
}
