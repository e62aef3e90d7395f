// pxrelay - ceiling probe: the least work that a user-space relay to one fixed target can do.
//   pxrelay tcp LISTEN TARGET copy|splice BYTES THREADS    SO_REUSEPORT, edge-triggered epoll, one
//                                                          scratch buffer per thread
//   pxrelay socks LISTEN TARGET copy BYTES THREADS         the same behind SOCKS5's four messages;
//                                                          what they say is not looked at
//   pxrelay udp LISTEN TARGET plain|gso BATCH              recvmmsg and sendmmsg; gso joins
//                                                          equal-sized datagrams with UDP_SEGMENT
//   pxrelay udp LISTEN TARGET train 1                      UDP_GRO in, UDP_SEGMENT out
// It looks at nothing, meters nothing and limits nothing: a gateway lands above it.
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <netinet/udp.h>
#include <pthread.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include "trains.h"

static struct sockaddr_in L, T;
static int use_splice, use_socks;
static size_t N;

static void pa(const char *s, struct sockaddr_in *a) {
    char b[64];
    snprintf(b, sizeof b, "%s", s);
    char *c = strrchr(b, ':');
    *c = 0;
    a->sin_family = AF_INET;
    a->sin_port = htons(atoi(c + 1));
    inet_pton(AF_INET, b, &a->sin_addr);
}
struct conn;

struct dir {
    struct conn *c;
    int from, to;
    int pipe[2];
    size_t inpipe;
    uint8_t *left;
    size_t ln, lo;
    int rd, wr, eof, done, queued;
    struct dir *next;
};

struct side {
    struct conn *c;
    int fd;
    struct dir *in, *out;
};

enum stage { GREETING, REQUEST, DIALLING, RELAYING };

struct conn {
    struct side s[2];
    struct dir d[2];
    int dead;
    enum stage stage;
    struct conn *nextfree;
};

struct th {
    int ep, lf;
    uint8_t *buf;
    struct dir *q, **qt;
    struct conn *freed;
};

static void push(struct th *t, struct dir *d) {
    if (d->queued)
        return;
    d->queued = 1;
    d->next = 0;
    *t->qt = d;
    t->qt = &d->next;
}

static void kill_conn(struct th *t, struct conn *c) {
    if (c->dead)
        return;
    c->dead = 1;
    for (int i = 0; i < 2; i++) {
        if (c->s[i].fd >= 0)
            close(c->s[i].fd);
        if (c->d[i].pipe[0] > 0) {
            close(c->d[i].pipe[0]);
            close(c->d[i].pipe[1]);
        }
        free(c->d[i].left);
        c->d[i].left = 0;
    }
    c->nextfree = t->freed;
    t->freed = c;
}

static void pump(struct th *t, struct dir *d) {
    struct conn *c = d->c;
    int budget = 16;
    while (budget--) {
        if (d->ln) {
            if (!d->wr)
                return;
            ssize_t w = send(d->to, d->left + d->lo, d->ln, MSG_DONTWAIT | MSG_NOSIGNAL);
            if (w < 0) {
                if (errno == EAGAIN) {
                    d->wr = 0;
                    return;
                }
                kill_conn(t, c);
                return;
            }
            d->lo += w;
            d->ln -= w;
            if (d->ln) {
                d->wr = 0;
                return;
            }
            free(d->left);
            d->left = 0;
        }
        if (use_splice) {
            if (!d->pipe[0]) {
                if (pipe2(d->pipe, O_NONBLOCK | O_CLOEXEC)) {
                    kill_conn(t, c);
                    return;
                }
                if (N > 65536)
                    fcntl(d->pipe[0], F_SETPIPE_SZ, N);
            }
            int moved = 0;
            if (d->rd && !d->eof && d->inpipe < N) {
                ssize_t r = splice(d->from, 0, d->pipe[1], 0, N - d->inpipe,
                                   SPLICE_F_MOVE | SPLICE_F_NONBLOCK);
                if (r == 0)
                    d->eof = 1;
                else if (r < 0) {
                    if (errno == EAGAIN) {
                        if (!d->inpipe)
                            d->rd = 0;
                    } else {
                        kill_conn(t, c);
                        return;
                    }
                } else {
                    d->inpipe += r;
                    moved = 1;
                }
            }
            if (d->inpipe) {
                if (!d->wr)
                    return;
                ssize_t w =
                    splice(d->pipe[0], 0, d->to, 0, d->inpipe, SPLICE_F_MOVE | SPLICE_F_NONBLOCK);
                if (w < 0) {
                    if (errno == EAGAIN) {
                        d->wr = 0;
                        return;
                    }
                    kill_conn(t, c);
                    return;
                }
                d->inpipe -= w;
                moved = 1;
            }
            if (d->eof && !d->inpipe) {
                if (!d->done) {
                    d->done = 1;
                    shutdown(d->to, SHUT_WR);
                    if (c->d[0].done && c->d[1].done)
                        kill_conn(t, c);
                }
                return;
            }
            if (!moved || !d->rd)
                return;
            continue;
        }
        if (!d->rd || d->eof)
            return;
        ssize_t r = recv(d->from, t->buf, N, MSG_DONTWAIT);
        if (r < 0) {
            if (errno == EAGAIN) {
                d->rd = 0;
                return;
            }
            kill_conn(t, c);
            return;
        }
        if (r == 0) {
            d->eof = d->done = 1;
            shutdown(d->to, SHUT_WR);
            if (c->d[0].done && c->d[1].done)
                kill_conn(t, c);
            return;
        }
        ssize_t w = send(d->to, t->buf, r, MSG_DONTWAIT | MSG_NOSIGNAL);
        if (w < 0) {
            if (errno != EAGAIN) {
                kill_conn(t, c);
                return;
            }
            w = 0;
        }
        if (w < r) {
            d->left = malloc(r - w);
            memcpy(d->left, t->buf + w, r - w);
            d->ln = r - w;
            d->lo = 0;
            d->wr = 0;
            return;
        }
        if ((size_t)r < N && r < 16384) {
            d->rd = 0; /* likely drained; ET re-arms */
            d->rd = 1;
        }
    }
    push(t, d);
}

static void watch(struct th *t, struct side *s) {
    struct epoll_event x = {.events = EPOLLIN | EPOLLOUT | EPOLLRDHUP | EPOLLET, .data.ptr = s};
    epoll_ctl(t->ep, EPOLL_CTL_ADD, s->fd, &x);
}

// A connection to the target under way, or -1.
static int dial(void) {
    int on = 1, fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, 4);
    if (connect(fd, (void *)&T, sizeof T) && errno != EINPROGRESS) {
        close(fd);
        return -1;
    }
    return fd;
}

static void join(struct conn *c, int far) {
    c->s[1] = (struct side){c, far, &c->d[1], &c->d[0]};
    c->d[0] = (struct dir){.c = c, .from = c->s[0].fd, .to = far};
    c->d[1] = (struct dir){.c = c, .from = far, .to = c->s[0].fd};
}

// One step of the SOCKS5 conversation, each message in one piece; 0 ends the connection.
static int converse(struct th *t, struct side *s) {
    static const uint8_t method[2] = {5, 0}, reply[10] = {5, 0, 0, 1};
    struct conn *c = s->c;
    uint8_t message[512];
    int near = c->s[0].fd;
    if (s == &c->s[1]) {
        c->stage = RELAYING;
        c->d[0].rd = c->d[0].wr = c->d[1].wr = 1;
        return send(near, reply, sizeof reply, MSG_NOSIGNAL) == sizeof reply;
    }
    if (c->stage == DIALLING)
        return 1;
    ssize_t got = recv(near, message, sizeof message, MSG_DONTWAIT);
    if (got <= 0)
        return got < 0 && errno == EAGAIN;
    if (c->stage == GREETING) {
        c->stage = REQUEST;
        return send(near, method, sizeof method, MSG_NOSIGNAL) == sizeof method;
    }
    c->stage = DIALLING;
    int far = dial();
    if (far < 0)
        return 0;
    join(c, far);
    watch(t, &c->s[1]);
    return 1;
}

static void *worker(void *p) {
    struct th *t = p;
    int on = 1;
    t->qt = &t->q;
    t->buf = malloc(N);
    t->ep = epoll_create1(0);
    t->lf = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
    setsockopt(t->lf, SOL_SOCKET, SO_REUSEADDR, &on, 4);
    setsockopt(t->lf, SOL_SOCKET, SO_REUSEPORT, &on, 4);
    if (bind(t->lf, (void *)&L, sizeof L) || listen(t->lf, 4096)) {
        perror("bind");
        exit(1);
    }
    struct epoll_event e = {.events = EPOLLIN, .data.ptr = 0}, ev[128];
    epoll_ctl(t->ep, EPOLL_CTL_ADD, t->lf, &e);
    for (;;) {
        int n = epoll_wait(t->ep, ev, 128, t->q ? 0 : -1);
        for (int i = 0; i < n; i++) {
            struct side *s = ev[i].data.ptr;
            if (!s) {
                for (int k = 0; k < 64; k++) {
                    int a = accept4(t->lf, 0, 0, SOCK_NONBLOCK);
                    if (a < 0)
                        break;
                    int b = use_socks ? -1 : dial();
                    setsockopt(a, IPPROTO_TCP, TCP_NODELAY, &on, 4);
                    if (b < 0 && !use_socks) {
                        close(a);
                        continue;
                    }
                    struct conn *c = calloc(1, sizeof *c);
                    c->stage = use_socks ? GREETING : RELAYING;
                    c->s[0] = (struct side){c, a, &c->d[0], &c->d[1]};
                    join(c, b);
                    watch(t, &c->s[0]);
                    if (b >= 0)
                        watch(t, &c->s[1]);
                }
                continue;
            }
            if (s->c->dead)
                continue;
            if (ev[i].events & (EPOLLERR)) {
                kill_conn(t, s->c);
                continue;
            }
            if (s->c->stage != RELAYING) {
                if (!converse(t, s))
                    kill_conn(t, s->c);
                else if (s->c->stage == RELAYING)
                    push(t, &s->c->d[0]);
                continue;
            }
            if (ev[i].events & (EPOLLIN | EPOLLRDHUP | EPOLLHUP)) {
                s->in->rd = 1;
                push(t, s->in);
            }
            if ((ev[i].events & EPOLLOUT) && !s->out->wr) {
                s->out->wr = 1;
                push(t, s->out);
            }
        }
        struct dir *d = t->q;
        t->q = 0;
        t->qt = &t->q;
        while (d) {
            struct dir *x = d->next;
            d->queued = 0;
            if (!d->c->dead)
                pump(t, d);
            d = x;
        }
        if (!t->q)
            while (t->freed) {
                struct conn *c = t->freed;
                t->freed = c->nextfree;
                free(c);
            }
    }
}

static int udp_trains(void) {
    int near = socket(AF_INET, SOCK_DGRAM, 0), far = socket(AF_INET, SOCK_DGRAM, 0);
    int room = 4 << 20, ep = epoll_create1(0);
    static uint8_t buffer[TRAIN_BYTES];
    struct sockaddr_in client = {0};
    for (int i = 0; i < 2; i++) {
        int fd = i ? far : near;
        struct epoll_event e = {.events = EPOLLIN, .data.fd = fd};
        setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &room, sizeof room);
        setsockopt(fd, SOL_SOCKET, SO_SNDBUFFORCE, &room, sizeof room);
        epoll_ctl(ep, EPOLL_CTL_ADD, fd, &e);
        if (train_socket_option(fd)) {
            perror("UDP_GRO");
            return 1;
        }
    }
    if (bind(near, (void *)&L, sizeof L) || connect(far, (void *)&T, sizeof T)) {
        perror("udp");
        return 1;
    }
    for (;;) {
        struct epoll_event ev[2];
        int k = epoll_wait(ep, ev, 2, -1);
        for (int i = 0; i < k; i++)
            for (int rep = 0; rep < 16; rep++) {
                int in = ev[i].data.fd, segment;
                ssize_t r = train_receive(in, buffer, in == near ? &client : 0, &segment);
                if (r <= 0)
                    break;
                train_send(in == near ? far : near, buffer, r, in == near ? 0 : &client, segment);
            }
    }
}

static int udp(int gso, int B) {
    int a = socket(AF_INET, SOCK_DGRAM, 0), b = socket(AF_INET, SOCK_DGRAM, 0), sz = 4 << 20;
    for (int i = 0; i < 2; i++) {
        int f = i ? b : a;
        setsockopt(f, SOL_SOCKET, SO_RCVBUFFORCE, &sz, 4);
        setsockopt(f, SOL_SOCKET, SO_SNDBUFFORCE, &sz, 4);
    }
    if (bind(a, (void *)&L, sizeof L) || connect(b, (void *)&T, sizeof T)) {
        perror("udp");
        return 1;
    }
    static uint8_t m[64][2048];
    struct mmsghdr mm[64];
    struct iovec iv[64];
    struct sockaddr_in sa[64], cl = {0};
    if (B > 64)
        B = 64;
    int ep = epoll_create1(0);
    struct epoll_event e = {.events = EPOLLIN, .data.fd = a}, ev[4];
    epoll_ctl(ep, EPOLL_CTL_ADD, a, &e);
    e.data.fd = b;
    epoll_ctl(ep, EPOLL_CTL_ADD, b, &e);
    for (;;) {
        int k = epoll_wait(ep, ev, 4, -1);
        for (int q = 0; q < k; q++)
            for (int rep = 0; rep < 4; rep++) {
                int in = ev[q].data.fd, out = in == a ? b : a;
                for (int i = 0; i < B; i++) {
                    iv[i] = (struct iovec){m[i], 2048};
                    mm[i].msg_hdr = (struct msghdr){.msg_iov = &iv[i],
                                                    .msg_iovlen = 1,
                                                    .msg_name = in == a ? &sa[i] : 0,
                                                    .msg_namelen = in == a ? sizeof sa[0] : 0};
                }
                int r = recvmmsg(in, mm, B, MSG_DONTWAIT, 0);
                if (r <= 0)
                    break;
                if (in == a)
                    cl = sa[r - 1];
                void *nm = out == a ? &cl : 0;
                int nl = out == a ? sizeof cl : 0;
                int sent = 0, eq = 1;
                for (int i = 0; i < r; i++) {
                    iv[i].iov_len = mm[i].msg_len;
                    if (i && mm[i].msg_len != mm[0].msg_len)
                        eq = 0;
                }
                if (gso && eq && r > 1) {
                    int per = 65000 / mm[0].msg_len;
                    if (per > 60)
                        per = 60;
                    while (sent < r) {
                        int g = r - sent < per ? r - sent : per;
                        char cb[CMSG_SPACE(2)];
                        memset(cb, 0, sizeof cb);
                        struct msghdr h = {.msg_name = nm,
                                           .msg_namelen = nl,
                                           .msg_iov = iv + sent,
                                           .msg_iovlen = g,
                                           .msg_control = cb,
                                           .msg_controllen = sizeof cb};
                        struct cmsghdr *c = CMSG_FIRSTHDR(&h);
                        c->cmsg_level = SOL_UDP;
                        c->cmsg_type = UDP_SEGMENT;
                        c->cmsg_len = CMSG_LEN(2);
                        uint16_t s16 = mm[0].msg_len;
                        memcpy(CMSG_DATA(c), &s16, 2);
                        if (sendmsg(out, &h, MSG_DONTWAIT) < 0)
                            break;
                        sent += g;
                    }
                } else {
                    for (int i = 0; i < r; i++) {
                        mm[i].msg_hdr.msg_name = nm;
                        mm[i].msg_hdr.msg_namelen = nl;
                    }
                    while (sent < r) {
                        int w = sendmmsg(out, mm + sent, r - sent, MSG_DONTWAIT);
                        if (w <= 0)
                            break;
                        sent += w;
                    }
                }
                if (r < B)
                    break;
            }
    }
}

int main(int c, char **v) {
    if (c < 6)
        return 1;
    signal(SIGPIPE, SIG_IGN);
    struct rlimit rl;
    getrlimit(RLIMIT_NOFILE, &rl);
    rl.rlim_cur = rl.rlim_max;
    setrlimit(RLIMIT_NOFILE, &rl);
    pa(v[2], &L);
    pa(v[3], &T);
    if (!strcmp(v[1], "udp") && !strcmp(v[4], "train"))
        return udp_trains();
    if (!strcmp(v[1], "udp"))
        return udp(!strcmp(v[4], "gso"), atoi(v[5]));
    use_socks = !strcmp(v[1], "socks");
    use_splice = !strcmp(v[4], "splice");
    N = atol(v[5]);
    int nt = c > 6 ? atoi(v[6]) : 1;
    struct th *t = calloc(nt, sizeof *t);
    for (int i = 1; i < nt; i++) {
        pthread_t x;
        pthread_create(&x, 0, worker, &t[i]);
    }
    worker(&t[0]);
}
