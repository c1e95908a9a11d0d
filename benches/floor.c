/* The floor: the least a server on epoll can do per request, to measure others against.
 *
 * It waits, reads, counts the ends of heads, and writes as many canned replies. It understands no
 * HTTP beyond that, closes on anything that does not fit its buffer, and serves until it is killed.
 * usage: floor PORT
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

/* As long as the replies it is compared with: the kernel's share is by the byte, too. */
static const char REPLY[] =
    "HTTP/1.1 200 OK\r\n"
    "date: Thu, 01 Jan 1970 00:00:00 GMT\r\n"
    "content-type: application/json\r\n"
    "x-request-id: 00000000-0000-0000-0000-000000000000\r\n"
    "content-length: 27\r\n"
    "\r\n"
    "{\"message\":\"Hello, World!\"}";

enum {
    REPLY_BYTES = sizeof REPLY - 1,
    /* Most pipelined requests that are answered with one write. */
    REPLIES_MAX = 64,
    /* Longest run of requests in one read. */
    READ_BYTES_MAX = 16384,
    EVENTS_MAX = 256,
    BACKLOG = 1024
};

static char replies[REPLIES_MAX * REPLY_BYTES];

static int fail(const char *what)
{
    perror(what);
    return EXIT_FAILURE;
}

static int listen_on(uint16_t port)
{
    int listener = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    int on = 1;
    struct sockaddr_in address = {
        .sin_family = AF_INET,
        .sin_port = htons(port),
        .sin_addr = {htonl(INADDR_LOOPBACK)},
    };
    if (listener < 0
        || setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on) != 0
        || bind(listener, (struct sockaddr *)&address, sizeof address) != 0
        || listen(listener, BACKLOG) != 0) {
        return -1;
    }
    return listener;
}

static int watch(int epoll, int fd)
{
    struct epoll_event event = {.events = EPOLLIN, .data = {.fd = fd}};
    return epoll_ctl(epoll, EPOLL_CTL_ADD, fd, &event);
}

static void accept_all(int epoll, int listener)
{
    int fd;
    while ((fd = accept4(listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC)) >= 0) {
        int on = 1;
        (void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
        if (watch(epoll, fd) != 0) {
            close(fd);
        }
    }
}

/* Counts whole heads; a load generator sends no others, so a rest is not kept. */
static size_t count_heads(const char *bytes, size_t length)
{
    size_t count = 0;
    const char *end = bytes + length;
    while ((bytes = memmem(bytes, (size_t)(end - bytes), "\r\n\r\n", 4)) != NULL) {
        bytes += 4;
        count++;
    }
    return count;
}

static void serve(int fd)
{
    char bytes[READ_BYTES_MAX];
    ssize_t length = read(fd, bytes, sizeof bytes);
    if (length < 0 && (errno == EAGAIN || errno == EINTR)) {
        return;
    }
    size_t heads = length > 0 ? count_heads(bytes, (size_t)length) : 0;
    if (heads == 0 || heads > REPLIES_MAX) {
        close(fd);
        return;
    }
    if (write(fd, replies, heads * REPLY_BYTES) != (ssize_t)(heads * REPLY_BYTES)) {
        close(fd);
    }
}

int main(int count, char **arguments)
{
    int port = count == 2 ? atoi(arguments[1]) : 0;
    if (port <= 0 || port > UINT16_MAX) {
        fputs("usage: floor PORT\n", stderr);
        return EXIT_FAILURE;
    }
    signal(SIGPIPE, SIG_IGN);
    for (size_t index = 0; index < REPLIES_MAX; index++) {
        memcpy(replies + index * REPLY_BYTES, REPLY, REPLY_BYTES);
    }
    int epoll = epoll_create1(EPOLL_CLOEXEC);
    int listener = listen_on((uint16_t)port);
    if (epoll < 0 || listener < 0 || watch(epoll, listener) != 0) {
        return fail("floor");
    }
    struct epoll_event events[EVENTS_MAX];
    for (;;) {
        int ready = epoll_wait(epoll, events, EVENTS_MAX, -1);
        if (ready < 0 && errno != EINTR) {
            return fail("epoll_wait");
        }
        for (int index = 0; index < ready; index++) {
            if (events[index].data.fd == listener) {
                accept_all(epoll, listener);
            } else {
                serve(events[index].data.fd);
            }
        }
    }
}
