/* A small HTTP server on 127.0.0.1 for tests: one thread, one connection at a
 * time, at most HTTP_MOST of them, gone after HTTP_SECONDS at the latest. The
 * first part of a path says how it misbehaves: "/cut/name" and so on. */
#ifndef LT_HTTP_FIXTURE_H
#define LT_HTTP_FIXTURE_H

#include <arpa/inet.h>
#include <netinet/in.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum { HTTP_MOST = 400, HTTP_SECONDS = 120, HTTP_FILES = 8 };

/* Atomic: a test may change what is served while the server's thread waits. */
typedef struct http_file {
    _Atomic(const char *) name; /* the end of its path */
    _Atomic(const void *) bytes;
    _Atomic size_t size;
} http_file;

typedef struct http_server {
    int listener, port;
    pthread_t thread;
    http_file files[HTTP_FILES];
    atomic_int n_files;
    const void *older;    /* an older version, as long, for "changed" */
    _Atomic size_t piece; /* bytes that "cut", "stall" and "drip" send */
    atomic_bool is_over;
    atomic_int requests, ranges; /* so far; those with a Range */
} http_server;

static inline void http_serve_file(http_server *s, int n, const char *name,
                                   const void *bytes, size_t size)
{
    s->files[n].name = name;
    s->files[n].bytes = bytes;
    s->files[n].size = size;
}

typedef struct http_request {
    http_server *server;
    int fd;
    char path[256];
    char if_range[128];
    long long start; /* of its Range; -1 */
    const http_file *file;
} http_request;

static inline void http_send(int fd, const void *bytes, size_t n)
{
    const char *from = bytes;

    while (n > 0) {
        ssize_t put = send(fd, from, n, MSG_NOSIGNAL);

        if (put <= 0)
            return;
        from += put;
        n -= (size_t)put;
    }
}

static inline void http_say(int fd, const char *text)
{
    http_send(fd, text, strlen(text));
}

/* Waits until the client goes away, or the server does. */
static inline void http_hang(const http_request *r)
{
    struct pollfd p = {r->fd, POLLIN, 0};
    char junk[256];

    while (!r->server->is_over) {
        if (poll(&p, 1, 10) > 0 && recv(r->fd, junk, sizeof junk, 0) <= 0)
            return;
    }
}

typedef struct http_reply {
    int status;
    long long start;    /* of Content-Range, with 206 */
    long long announce; /* Content-Length; -1: none */
    size_t from, n;     /* bytes of the file */
    const char *more;   /* further header lines */
} http_reply;

/* The head of a reply, and some bytes of a body. */
static inline void http_answer_with(const http_request *r, const http_reply *a,
                                    const void *body, size_t body_size)
{
    char head[512];
    int n =
        snprintf(head, sizeof head, "HTTP/1.1 %d x\r\nConnection: close\r\n%s",
                 a->status, a->more ? a->more : "");

    if (a->announce >= 0)
        n += snprintf(head + n, sizeof head - (size_t)n,
                      "Content-Length: %lld\r\n", a->announce);
    if (a->status == 206)
        n += snprintf(head + n, sizeof head - (size_t)n,
                      "Content-Range: bytes %lld-%lld/%zu\r\n", a->start,
                      (long long)r->file->size - 1, r->file->size);
    n += snprintf(head + n, sizeof head - (size_t)n, "\r\n");
    http_send(r->fd, head, (size_t)n);
    http_send(r->fd, body, body_size);
}

static inline void http_answer(const http_request *r, const http_reply *a)
{
    http_answer_with(r, a, (const char *)r->file->bytes + a->from, a->n);
}

static inline size_t http_least(size_t a, size_t b)
{
    return a < b ? a : b;
}

/* What a good server answers. */
static inline http_reply http_good(const http_request *r)
{
    size_t size = r->file->size, from = r->start > 0 ? (size_t)r->start : 0;

    if (from >= size && r->start >= 0)
        return (http_reply){.status = 416};
    return (http_reply){.status = r->start >= 0 ? 206 : 200,
                        .start = r->start,
                        .announce = (long long)(size - from),
                        .from = from,
                        .n = size - from,
                        .more = "ETag: \"v1\"\r\n"};
}

static inline bool http_is(const http_request *r, const char *kind)
{
    size_t n = strlen(kind);

    return strncmp(r->path + 1, kind, n) == 0 && r->path[n + 1] == '/';
}

/* Answers that lie, or stop early. */
static inline bool http_lie(const http_request *r)
{
    http_reply a = http_good(r);
    size_t piece = http_least(r->server->piece, a.n);

    if (http_is(r, "norange"))
        a = (http_reply){.status = 200,
                         .announce = (long long)r->file->size,
                         .n = r->file->size};
    else if (http_is(r, "cut")) /* announces all, sends a piece */
        a.n = piece;
    else if (http_is(r, "short")) /* announces nothing, sends a piece */
        a = (http_reply){.status = 200,
                         .announce = -1,
                         .n = http_least(r->server->piece, r->file->size)};
    else if (http_is(r, "larger"))
        a.announce += 1000;
    else if (http_is(r, "smaller"))
        a.announce -= 1000;
    else if (http_is(r, "endless")) { /* no length, more than the file */
        a.announce = -1;
        http_answer(r, &a);
        http_send(r->fd, r->file->bytes, r->file->size);
        return true;
    } else if (http_is(r, "shifted") && r->start >= 0)
        a.start += 7;
    else if (http_is(r, "unsatisfied") && r->start >= 0)
        a = (http_reply){.status = 416};
    else if (http_is(r, "changed")) { /* an older version, cut; then this */
        a.more = r->start < 0 ? "ETag: \"old\"\r\n" : "ETag: \"new\"\r\n";
        if (r->start < 0) {
            http_answer_with(r, &a, r->server->older, piece);
            return true;
        }
        if (strcmp(r->if_range, "\"old\"") == 0)
            a = (http_reply){.status = 200,
                             .n = r->file->size,
                             .announce = (long long)r->file->size};
    } else if (http_is(r, "nameless")) { /* no ETag; the first one is cut */
        a.more = NULL;
        if (r->server->requests < 2) {
            http_answer_with(r, &a, r->server->older, piece);
            return true;
        }
    } else if (!http_is(r, "good") && !http_is(r, "shifted") &&
               !http_is(r, "unsatisfied"))
        return false;
    http_answer(r, &a);
    return true;
}

/* No file at all, or not soon. */
static inline void http_refuse(const http_request *r)
{
    http_reply a = http_good(r);
    int n = r->server->requests;
    char text[300];

    if (http_is(r, "slam"))
        return;
    if (http_is(r, "silent")) {
        http_hang(r);
    } else if (http_is(r, "stall")) {
        a.n = http_least(r->server->piece, a.n);
        http_answer(r, &a);
        http_hang(r);
    } else if (http_is(r, "loop")) {
        snprintf(text, sizeof text,
                 "HTTP/1.1 302 x\r\nConnection: close\r\nContent-Length: "
                 "0\r\nLocation: %s\r\n\r\n",
                 r->path);
        http_say(r->fd, text);
    } else if (http_is(r, "moved")) {
        snprintf(text, sizeof text,
                 "HTTP/1.1 301 x\r\nConnection: close\r\nContent-Length: "
                 "4\r\nLocation: /good%s\r\n\r\nnope",
                 strrchr(r->path, '/'));
        http_say(r->fd, text);
    } else if (http_is(r, "tofile")) {
        http_say(r->fd, "HTTP/1.1 302 x\r\nConnection: close\r\n"
                        "Content-Length: 0\r\n"
                        "Location: file:///etc/hostname\r\n\r\n");
    } else if (http_is(r, "busy") && n < 3) {
        http_say(r->fd, "HTTP/1.1 503 x\r\nConnection: close\r\n"
                        "Content-Length: 4\r\n\r\nbusy");
    } else if (http_is(r, "busy")) {
        http_answer(r, &a);
    } else if (http_is(r, "broken")) {
        http_say(r->fd, "HTTP/1.1 500 x\r\nConnection: close\r\n"
                        "Content-Length: 4\r\n\r\noops");
    } else {
        http_say(r->fd, "HTTP/1.1 404 x\r\nConnection: close\r\n"
                        "Content-Length: 4\r\n\r\nnone");
    }
}

static inline const char *http_line(const char *head, const char *name)
{
    const char *at = head;

    while ((at = strstr(at, "\r\n"))) {
        at += 2;
        if (strncasecmp(at, name, strlen(name)) == 0)
            return at + strlen(name);
    }
    return NULL;
}

static inline void http_serve(http_server *s, int fd)
{
    static const http_file nothing = {"", "", 0};
    http_request r = {.server = s, .fd = fd, .start = -1, .file = &nothing};
    char head[4096];
    size_t n = 0;
    const char *line;
    struct timeval patience = {2, 0};

    setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
    setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof patience);
    do {
        ssize_t got = recv(fd, head + n, sizeof head - 1 - n, 0);

        if (got <= 0)
            return;
        n += (size_t)got;
        head[n] = '\0';
    } while (!strstr(head, "\r\n\r\n") && n < sizeof head - 1);
    if (sscanf(head, "GET %255s", r.path) != 1)
        return;
    if ((line = http_line(head, "Range: bytes=")) != NULL)
        r.start = atoll(line);
    if ((line = http_line(head, "If-Range: ")) != NULL)
        sscanf(line, "%127s", r.if_range);
    s->requests++;
    s->ranges += r.start >= 0;
    for (int i = 0; i < s->n_files; i++)
        if (strcmp(strrchr(r.path, '/') + 1, s->files[i].name) == 0)
            r.file = &s->files[i];
    if (r.file == &nothing || !http_lie(&r))
        http_refuse(&r);
}

static inline void *http_run(void *self)
{
    http_server *s = self;
    struct pollfd p = {s->listener, POLLIN, 0};
    time_t until = time(NULL) + HTTP_SECONDS;

    for (int n = 0; n < HTTP_MOST && !s->is_over && time(NULL) < until;) {
        int fd;

        if (poll(&p, 1, 20) <= 0 || (fd = accept(s->listener, NULL, NULL)) < 0)
            continue;
        n++;
        http_serve(s, fd);
        shutdown(fd, SHUT_WR);
        close(fd);
    }
    return NULL;
}

static inline bool http_start(http_server *s)
{
    struct sockaddr_in a = {.sin_family = AF_INET};
    socklen_t size = sizeof a;

    unsetenv("http_proxy");
    unsetenv("all_proxy");
    unsetenv("ALL_PROXY");
    a.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    s->is_over = false;
    s->requests = s->ranges = 0;
    s->listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (s->listener < 0 ||
        bind(s->listener, (struct sockaddr *)&a, sizeof a) != 0 ||
        listen(s->listener, 16) != 0 ||
        getsockname(s->listener, (struct sockaddr *)&a, &size) != 0)
        return false;
    s->port = ntohs(a.sin_port);
    return pthread_create(&s->thread, NULL, http_run, s) == 0;
}

static inline void http_stop(http_server *s)
{
    s->is_over = true;
    pthread_join(s->thread, NULL);
    close(s->listener);
}

#endif
