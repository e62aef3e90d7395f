// pxbench - load generator and backend for proxy benchmarks (Linux, no dependencies).
//   pxbench server --listen ADDR:PORT     TCP echo, sink and source; UDP echo on PORT, UDP sink on
//                                         PORT+1, UDP echo of whole trains on PORT+2
//   pxbench run --case CASE --proto PROTO ...    one JSON line on stdout
// Protocols: direct | tcp (connect to the proxy, no handshake) | socks5 | http (CONNECT) |
//   httpfwd (absolute GET) | ws (raw stream in binary frames) | wssocks5 (SOCKS5 in a WebSocket)
// Cases: bulk rr rrp connrate idle udp udptrain udpblast httprps verify
#define _GNU_SOURCE
#pragma GCC diagnostic ignored "-Wmisleading-indentation"
#include <arpa/inet.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/sendfile.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

#include "trains.h"

#define MIN(a, b) ((a) < (b) ? (a) : (b))
#define PATLEN    (1048576 + 3 * 4096) /* pattern period: page multiple, not a power of two */
#define BIGCHUNK  (1 << 20)
static uint8_t *pat;
static int patfd = -1; /* plain pattern */
static int wsfd = -1;
static size_t wslen;         /* pattern in masked (zero key) frames */
static int use_copy = 0;     /* received bytes: 0 dropped in the kernel (MSG_TRUNC), 1 copied out */
static int use_sendfile = 0; /* source: 0 send() from memory, 1 sendfile() of a memfd */

static uint64_t now_ns(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return t.tv_sec * 1000000000ull + t.tv_nsec;
}

static void die(const char *f, ...) {
    va_list a;
    va_start(a, f);
    vfprintf(stderr, f, a);
    va_end(a);
    fputc('\n', stderr);
    exit(2);
}

static void set_nofile(void) {
    struct rlimit r = {1048576, 1048576};
    if (setrlimit(RLIMIT_NOFILE, &r)) {
        getrlimit(RLIMIT_NOFILE, &r);
        r.rlim_cur = r.rlim_max;
        setrlimit(RLIMIT_NOFILE, &r);
    }
}

static void make_pattern(void) {
    patfd = memfd_create("pxpat", 0);
    if (patfd < 0 || ftruncate(patfd, PATLEN))
        die("memfd");
    pat = mmap(0, PATLEN, PROT_READ | PROT_WRITE, MAP_SHARED, patfd, 0);
    uint64_t x = 88172645463325252ull;
    for (size_t i = 0; i < PATLEN; i += 8) {
        x ^= x << 13;
        x ^= x >> 7;
        x ^= x << 17;
        memcpy(pat + i, &x, 8);
    }
}

static void make_wspattern(void) {
    size_t pl = 65536, fl = 14 + pl;
    int n = 16;
    wslen = fl * n;
    wsfd = memfd_create("pxws", 0);
    if (ftruncate(wsfd, wslen))
        die("ws memfd");
    uint8_t *m = mmap(0, wslen, PROT_READ | PROT_WRITE, MAP_SHARED, wsfd, 0);
    for (int i = 0; i < n; i++) {
        uint8_t *p = m + i * fl;
        p[0] = 0x82;
        p[1] = 0x80 | 127;
        for (int k = 0; k < 8; k++)
            p[2 + k] = (uint8_t)(pl >> (8 * (7 - k)));
        memset(p + 10, 0, 4);
        memcpy(p + 14, pat, pl);
    }
    munmap(m, wslen);
}

static void parse_addr(const char *s, struct sockaddr_in *a) {
    char b[64];
    snprintf(b, sizeof b, "%s", s);
    char *c = strrchr(b, ':');
    if (!c)
        die("bad addr %s", s);
    *c = 0;
    memset(a, 0, sizeof *a);
    a->sin_family = AF_INET;
    a->sin_port = htons(atoi(c + 1));
    if (inet_pton(AF_INET, b, &a->sin_addr) != 1)
        die("bad addr %s", s);
}

static int nonblock_tcp(void) {
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return -1;
    int on = 1;
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    return fd;
}

// ---------------------------------------------------------------- sending the endless stream
static ssize_t stream_send(int fd, int ws, uint64_t *pos,
                           uint64_t limit) { // limit: bytes left (plain only)
    size_t len = ws ? wslen : PATLEN;
    off_t off = *pos % len;
    size_t n = MIN((uint64_t)(len - off), limit);
    if (n > BIGCHUNK)
        n = BIGCHUNK;
    ssize_t r;
    if (!use_sendfile && !ws)
        r = send(fd, pat + off, MIN(n, 262144), MSG_DONTWAIT | MSG_NOSIGNAL);
    else
        r = sendfile(fd, ws ? wsfd : patfd, &off, n);
    if (r > 0)
        *pos += r;
    return r;
}

// ---------------------------------------------------------------- backend server
struct sc {
    int fd;
    uint8_t mode;
    uint64_t out, in;
    uint64_t left;
    int bad;
    uint8_t *eb;
    int en, eo;
    int hn;
    char h[600];
    uint32_t ev;
};

static uint64_t udp_sunk, udp_sunk_bytes;

static void s_arm(int ep, struct sc *c, uint32_t ev) {
    if (c->ev == ev)
        return;
    struct epoll_event e = {.events = ev, .data.ptr = c};
    epoll_ctl(ep, EPOLL_CTL_MOD, c->fd, &e);
    c->ev = ev;
}

static void s_free(struct sc *c) {
    close(c->fd);
    free(c->eb);
    free(c);
}

static uint8_t sbuf[1 << 20];

static void verify_chunk(uint64_t pos, const uint8_t *b, size_t n, int *bad) {
    while (n) {
        size_t o = pos % PATLEN, k = MIN(n, PATLEN - o);
        if (memcmp(pat + o, b, k))
            *bad = 1;
        pos += k;
        b += k;
        n -= k;
    }
}

// returns -1 to close
static int s_echo_flush(int ep, struct sc *c) {
    while (c->eo < c->en) {
        ssize_t r = send(c->fd, c->eb + c->eo, c->en - c->eo, MSG_DONTWAIT | MSG_NOSIGNAL);
        if (r < 0) {
            if (errno == EAGAIN) {
                s_arm(ep, c, EPOLLOUT);
                return 0;
            }
            return -1;
        }
        c->eo += r;
    }
    c->en = c->eo = 0;
    s_arm(ep, c, EPOLLIN);
    return 0;
}

static int s_http(int ep, struct sc *c, const uint8_t *b, size_t n) { // minimal keep-alive GET /N
    for (size_t i = 0; i < n; i++) {
        if (c->hn < (int)sizeof c->h - 1)
            c->h[c->hn++] = b[i];
        else
            memmove(c->h + 300, c->h + 301, c->hn - 301), c->h[c->hn - 1] = b[i];
        if (c->hn >= 4 && !memcmp(c->h + c->hn - 4, "\r\n\r\n", 4)) {
            c->h[c->hn] = 0;
            size_t len = 0;
            char *p = strstr(c->h, "/");
            if (p && !strncmp(p, "//", 2))
                p = strchr(p + 2, '/');
            if (p)
                len = strtoul(p + 1, 0, 10);
            if (len > 65536)
                len = 65536;
            char hd[160];
            int k = snprintf(hd, sizeof hd,
                             "HTTP/1.1 200 OK\r\nContent-Type: "
                             "application/octet-stream\r\nContent-Length: %zu\r\n\r\n",
                             len);
            if (!c->eb)
                c->eb = malloc(140000);
            if (c->en + k + len < 140000) {
                memcpy(c->eb + c->en, hd, k);
                memcpy(c->eb + c->en + k, pat, len);
                c->en += k + len;
            }
            c->hn = 0;
        }
    }
    return c->en ? s_echo_flush(ep, c) : 0;
}

static int s_event(int ep, struct sc *c, uint32_t ev) {
    if (!c->mode) {
        uint8_t b[4096];
        ssize_t r = recv(c->fd, b, 1, MSG_DONTWAIT);
        if (r <= 0)
            return (r < 0 && errno == EAGAIN) ? 0 : -1;
        c->mode = b[0];
        switch (c->mode) {
        case 'E':
        case 'K':
        case 'V':
        case 'I':
            break;
        case 'S':
        case 'B':
            s_arm(ep, c, EPOLLIN | EPOLLOUT);
            break;
        case 'D':
        case 'U':
            c->left = ~0ull;
            c->in = 0;
            break; /* 8 byte length follows */
        case 'C': {
            uint64_t v[2] = {udp_sunk, udp_sunk_bytes};
            if (send(c->fd, v, 16, MSG_NOSIGNAL) < 0)
                return -1;
            c->mode = 'I';
            return 0;
        }
        case 'G':
            c->hn = 0;
            s_http(ep, c, b, 1);
            break;
        default:
            return -1;
        }
        ev |= EPOLLIN;
    }
    switch (c->mode) {
    case 'E':
        if (ev & EPOLLOUT)
            if (s_echo_flush(ep, c))
                return -1;
        if (c->en == 0 && (ev & (EPOLLIN | EPOLLHUP | EPOLLERR))) {
            if (!c->eb) {
                ssize_t r = recv(c->fd, sbuf, sizeof sbuf, MSG_DONTWAIT);
                if (r <= 0)
                    return (r < 0 && errno == EAGAIN) ? 0 : -1;
                ssize_t w = send(c->fd, sbuf, r, MSG_DONTWAIT | MSG_NOSIGNAL);
                if (w < 0) {
                    if (errno != EAGAIN)
                        return -1;
                    w = 0;
                }
                if (w < r) {
                    c->eb = malloc(sizeof sbuf);
                    memcpy(c->eb, sbuf + w, r - w);
                    c->en = r - w;
                    c->eo = 0;
                    s_arm(ep, c, EPOLLOUT);
                }
            } else {
                ssize_t r = recv(c->fd, c->eb, sizeof sbuf, MSG_DONTWAIT);
                if (r <= 0)
                    return (r < 0 && errno == EAGAIN) ? 0 : -1;
                c->en = r;
                c->eo = 0;
                return s_echo_flush(ep, c);
            }
        }
        return 0;
    case 'G': {
        if (ev & EPOLLOUT)
            if (s_echo_flush(ep, c))
                return -1;
        if (ev & (EPOLLIN | EPOLLHUP | EPOLLERR)) {
            ssize_t r = recv(c->fd, sbuf, 16384, MSG_DONTWAIT);
            if (r <= 0)
                return (r < 0 && errno == EAGAIN) ? 0 : -1;
            return s_http(ep, c, sbuf, r);
        }
        return 0;
    }
    case 'I': {
        if (ev & (EPOLLIN | EPOLLHUP | EPOLLERR)) {
            ssize_t r = recv(c->fd, sbuf, sizeof sbuf, MSG_DONTWAIT);
            if (r <= 0)
                return (r < 0 && errno == EAGAIN) ? 0 : -1;
            if (send(c->fd, sbuf, r, MSG_DONTWAIT | MSG_NOSIGNAL) < 0)
                return -1;
        }
        return 0;
    }
    case 'K':
    case 'S':
    case 'B':
        if (ev & (EPOLLIN | EPOLLHUP | EPOLLERR))
            for (int i = 0; i < 4; i++) {
                ssize_t r = recv(c->fd, sbuf, use_copy ? sizeof sbuf : BIGCHUNK,
                                 MSG_DONTWAIT | (use_copy ? 0 : MSG_TRUNC));
                if (r == 0)
                    return -1;
                if (r < 0) {
                    if (errno == EAGAIN)
                        break;
                    return -1;
                }
                c->in += r;
                if (r < 65536)
                    break;
            }
        if ((ev & EPOLLOUT) && c->mode != 'K')
            for (int i = 0; i < 4; i++) {
                ssize_t r = stream_send(c->fd, 0, &c->out, ~0ull);
                if (r <= 0) {
                    if (r < 0 && errno == EAGAIN)
                        break;
                    return -1;
                }
            }
        return 0;
    case 'V':
        for (int i = 0; i < 8; i++) {
            ssize_t r = recv(c->fd, sbuf, sizeof sbuf, MSG_DONTWAIT);
            if (r < 0) {
                if (errno == EAGAIN)
                    return 0;
                return -1;
            }
            if (r == 0) {
                uint64_t v[2] = {c->in, (uint64_t)c->bad};
                send(c->fd, v, 16, MSG_NOSIGNAL);
                return -1;
            }
            verify_chunk(c->in, sbuf, r, &c->bad);
            c->in += r;
        }
        return 0;
    case 'U':
        if (c->left == ~0ull) {
            uint8_t *q = (uint8_t *)c->h;
            ssize_t r = recv(c->fd, q + c->hn, 8 - c->hn, MSG_DONTWAIT);
            if (r <= 0)
                return (r < 0 && errno == EAGAIN) ? 0 : -1;
            c->hn += r;
            if (c->hn < 8)
                return 0;
            memcpy(&c->left, q, 8);
            return 0;
        }
        for (int i = 0; i < 8; i++) {
            ssize_t r = recv(c->fd, sbuf, sizeof sbuf, MSG_DONTWAIT);
            if (r <= 0)
                return (r < 0 && errno == EAGAIN) ? 0 : -1;
            verify_chunk(c->in, sbuf, r, &c->bad);
            c->in += r;
            if (c->in >= c->left) {
                uint64_t v[2] = {c->in, (uint64_t)c->bad};
                send(c->fd, v, 16, MSG_NOSIGNAL);
                c->mode = 'I';
                return 0;
            }
        }
        return 0;
    case 'D':
        if (c->left == ~0ull) {
            uint8_t *q = (uint8_t *)c->h;
            ssize_t r = recv(c->fd, q + c->hn, 8 - c->hn, MSG_DONTWAIT);
            if (r <= 0)
                return (r < 0 && errno == EAGAIN) ? 0 : -1;
            c->hn += r;
            if (c->hn < 8)
                return 0;
            memcpy(&c->left, q, 8);
            s_arm(ep, c, EPOLLOUT);
            return 0;
        }
        if (ev & EPOLLOUT) {
            for (int i = 0; i < 4 && c->left; i++) {
                ssize_t r = stream_send(c->fd, 0, &c->out, c->left);
                if (r <= 0) {
                    if (r < 0 && errno == EAGAIN)
                        return 0;
                    return -1;
                }
                c->left -= r;
            }
            if (!c->left)
                return -1;
        }
        return 0;
    }
    return -1;
}

static int udp_sock(struct sockaddr_in a, int port) {
    int fd = socket(AF_INET, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    int on = 1, b = 8 << 20;
    setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, 4);
    if (setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &b, 4))
        setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &b, 4);
    if (setsockopt(fd, SOL_SOCKET, SO_SNDBUFFORCE, &b, 4))
        setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &b, 4);
    a.sin_port = htons(port);
    if (bind(fd, (void *)&a, sizeof a))
        die("udp bind %d: %s", port, strerror(errno));
    return fd;
}

#define UB 64
static int nlisten = 1;

static int __attribute__((noreturn)) server(struct sockaddr_in la) {
    set_nofile();
    make_pattern();
    signal(SIGPIPE, SIG_IGN);
    int ep = epoll_create1(EPOLL_CLOEXEC);
    int port = ntohs(la.sin_port);
    static struct sc L[16], E, S, T;
    int on = 1;
    if (nlisten > 16)
        nlisten = 16;
    for (int i = 0; i < nlisten; i++) {
        int lf = nonblock_tcp();
        setsockopt(lf, SOL_SOCKET, SO_REUSEADDR, &on, 4);
        struct sockaddr_in a = la;
        a.sin_addr.s_addr = htonl(ntohl(la.sin_addr.s_addr) + i);
        if (bind(lf, (void *)&a, sizeof a) || listen(lf, 4096))
            die("listen: %s", strerror(errno));
        L[i].fd = lf;
        struct epoll_event e = {.events = EPOLLIN, .data.ptr = &L[i]};
        epoll_ctl(ep, EPOLL_CTL_ADD, lf, &e);
    }
    E.fd = udp_sock(la, port);
    S.fd = udp_sock(la, port + 1);
    T.fd = udp_sock(la, port + 2);
    if (train_socket_option(T.fd))
        die("UDP_GRO: %s", strerror(errno));
    struct sc *sp[3] = {&E, &S, &T};
    for (int i = 0; i < 3; i++) {
        struct epoll_event e = {.events = EPOLLIN, .data.ptr = sp[i]};
        epoll_ctl(ep, EPOLL_CTL_ADD, sp[i]->fd, &e);
    }
    static uint8_t ub[UB][2048];
    static struct mmsghdr mm[UB];
    static struct iovec iv[UB];
    static struct sockaddr_in sa[UB];
    struct epoll_event ev[256];
    for (;;) {
        int n = epoll_wait(ep, ev, 256, -1);
        for (int i = 0; i < n; i++) {
            struct sc *c = ev[i].data.ptr;
            if (c >= L && c < L + 16) {
                for (int k = 0; k < 64; k++) {
                    int fd = accept4(c->fd, 0, 0, SOCK_NONBLOCK | SOCK_CLOEXEC);
                    if (fd < 0)
                        break;
                    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, 4);
                    struct sc *x = calloc(1, sizeof *x);
                    x->fd = fd;
                    x->ev = EPOLLIN;
                    struct epoll_event e = {.events = EPOLLIN, .data.ptr = x};
                    epoll_ctl(ep, EPOLL_CTL_ADD, fd, &e);
                }
                continue;
            }
            if (c == &T) {
                for (int rep = 0; rep < 16; rep++) {
                    struct sockaddr_in from;
                    int segment;
                    ssize_t r = train_receive(c->fd, sbuf, &from, &segment);
                    if (r <= 0)
                        break;
                    train_send(c->fd, sbuf, r, &from, segment);
                }
                continue;
            }
            if (c == &E || c == &S) {
                for (int rep = 0; rep < 4; rep++) {
                    for (int k = 0; k < UB; k++) {
                        iv[k].iov_base = ub[k];
                        iv[k].iov_len = 2048;
                        mm[k].msg_hdr = (struct msghdr){.msg_name = &sa[k],
                                                        .msg_namelen = sizeof sa[k],
                                                        .msg_iov = &iv[k],
                                                        .msg_iovlen = 1};
                    }
                    int r = recvmmsg(c->fd, mm, UB, MSG_DONTWAIT, 0);
                    if (r <= 0)
                        break;
                    if (c == &S) {
                        udp_sunk += r;
                        for (int k = 0; k < r; k++)
                            udp_sunk_bytes += mm[k].msg_len;
                    } else {
                        for (int k = 0; k < r; k++)
                            iv[k].iov_len = mm[k].msg_len;
                        int o = 0;
                        while (o < r) {
                            int w = sendmmsg(c->fd, mm + o, r - o, MSG_DONTWAIT);
                            if (w <= 0) {
                                if (errno == EAGAIN)
                                    break;
                                o++;
                            } else
                                o += w;
                        }
                    }
                    if (r < UB)
                        break;
                }
                continue;
            }
            if (s_event(ep, c, ev[i].events))
                s_free(c);
        }
    }
}

// ---------------------------------------------------------------- options
enum { P_DIRECT, P_TCP, P_SOCKS5, P_HTTP, P_HTTPFWD, P_WS, P_WSSOCKS5 };

static struct {
    const char *name, *kase, *proto_s, *dir, *label, *user, *pass, *wspath, *pids;
    int proto;
    struct sockaddr_in proxy, target;
    int streams, size, flows, ntargets, window, spread;
    double secs, warm;
    int idle;
    double rate;
    uint64_t bytes;
} O = {.name = "?",
       .kase = "bulk",
       .proto_s = "direct",
       .dir = "down",
       .streams = 1,
       .size = 64,
       .flows = 1,
       .secs = 1.5,
       .warm = 0.3,
       .idle = 10000,
       .rate = 20000,
       .bytes = 64 << 20,
       .ntargets = 1,
       .wspath = "/",
       .spread = 1};

// ---------------------------------------------------------------- resource sampling of the proxy
// (process trees)
struct usage {
    double cpu;
    double rss_kb, pss_kb;
    int procs, threads, descriptors;
};

static double tick_s;

static int read_stat(int pid, int *ppid, double *cpu, double *childcpu, int *thr) {
    char p[64], b[1024];
    snprintf(p, sizeof p, "/proc/%d/stat", pid);
    int fd = open(p, O_RDONLY);
    if (fd < 0)
        return -1;
    int n = read(fd, b, sizeof b - 1);
    close(fd);
    if (n <= 0)
        return -1;
    b[n] = 0;
    char *q = strrchr(b, ')');
    if (!q)
        return -1;
    char st;
    long pp;
    unsigned long ut, stt;
    long cu, cs, nt;
    long d;
    unsigned long du;
    if (sscanf(q + 2, "%c %ld %ld %ld %ld %ld %lu %lu %lu %lu %lu %lu %lu %ld %ld %ld %ld %ld", &st,
               &pp, &d, &d, &d, &d, &du, &du, &du, &du, &du, &ut, &stt, &cu, &cs, &d, &d,
               &nt) != 18)
        return -1;
    *ppid = pp;
    *cpu = (ut + stt) * tick_s;
    *childcpu = (cu + cs) * tick_s;
    *thr = nt;
    return 0;
}

static void mem_of(int pid, double *rss, double *pss) {
    char p[64], l[256];
    snprintf(p, sizeof p, "/proc/%d/smaps_rollup", pid);
    FILE *f = fopen(p, "r");
    if (!f)
        return;
    long v;
    while (fgets(l, sizeof l, f)) {
        if (sscanf(l, "Rss: %ld", &v) == 1)
            *rss += v;
        else if (sscanf(l, "Pss: %ld", &v) == 1)
            *pss += v;
    }
    fclose(f);
}

static int count_descriptors(int pid) {
    char p[64];
    snprintf(p, sizeof p, "/proc/%d/fd", pid);
    DIR *d = opendir(p);
    int n = 0;
    if (!d)
        return 0;
    while (readdir(d))
        n++;
    closedir(d);
    return n - 2;
}

static struct usage sample(int mem) {
    struct usage u = {0};
    if (!O.pids || !*O.pids)
        return u;
    tick_s = 1.0 / sysconf(_SC_CLK_TCK);
    static int all[65536], par[65536];
    static double cpu[65536], ch[65536];
    static int thr[65536];
    int n = 0;
    DIR *d = opendir("/proc");
    struct dirent *e;
    while ((e = readdir(d)) && n < 65536) {
        if (e->d_name[0] < '1' || e->d_name[0] > '9')
            continue;
        int pid = atoi(e->d_name);
        if (!read_stat(pid, &par[n], &cpu[n], &ch[n], &thr[n]))
            all[n++] = pid;
    }
    closedir(d);
    static char in[65536];
    memset(in, 0, n);
    char b[256];
    snprintf(b, sizeof b, "%s", O.pids);
    for (char *t = strtok(b, ","); t; t = strtok(0, ","))
        for (int i = 0; i < n; i++)
            if (all[i] == atoi(t))
                in[i] = 1;
    for (int ch2 = 1; ch2;) {
        ch2 = 0;
        for (int i = 0; i < n; i++)
            if (!in[i])
                for (int k = 0; k < n; k++)
                    if (in[k] && all[k] == par[i]) {
                        in[i] = 1;
                        ch2 = 1;
                        break;
                    }
    }
    for (int i = 0; i < n; i++)
        if (in[i]) {
            u.cpu += cpu[i] + ch[i];
            u.procs++;
            u.threads += thr[i];
            if (mem) {
                mem_of(all[i], &u.rss_kb, &u.pss_kb);
                u.descriptors += count_descriptors(all[i]);
            }
        }
    return u;
}

static double mem_avail_kb(void) {
    FILE *f = fopen("/proc/meminfo", "r");
    char l[128];
    long v = 0;
    while (fgets(l, sizeof l, f))
        if (sscanf(l, "MemAvailable: %ld", &v) == 1)
            break;
    fclose(f);
    return v;
}

static double self_cpu(void) {
    struct rusage r;
    getrusage(RUSAGE_SELF, &r);
    return r.ru_utime.tv_sec + r.ru_stime.tv_sec + (r.ru_utime.tv_usec + r.ru_stime.tv_usec) / 1e6;
}

static void jhead(void) {
    printf("{\"name\":\"%s\",\"case\":\"%s\",\"proto\":\"%s\"", O.name, O.label ? O.label : O.kase,
           O.proto_s);
}

// ---------------------------------------------------------------- client connection
enum { C_CONNECT, C_WSUP, C_GREET, C_AUTH, C_REQ, C_HTTP, C_RUN, C_DEAD };

struct cc {
    int fd, state, idx;
    uint32_t ev;
    uint8_t in[1200];
    int n;
    uint8_t raw[1200];
    int rn;
    uint64_t wsleft;
    uint64_t pos;
    uint64_t got;
    uint64_t t0, sched;
    int busy;
    int need;
    int udpcmd;
    struct sockaddr_in bnd;
};

static int ep;
static int nerr;
static char lasterr[128];
static unsigned connseq;

static int is_ws(void) {
    return O.proto == P_WS || O.proto == P_WSSOCKS5;
}

static void c_arm(struct cc *c, uint32_t ev) {
    if (c->ev == ev)
        return;
    struct epoll_event e = {.events = ev, .data.ptr = c};
    epoll_ctl(ep, EPOLL_CTL_MOD, c->fd, &e);
    c->ev = ev;
}

static void c_fail(struct cc *c, const char *w) {
    if (c->state == C_DEAD)
        return;
    nerr++;
    snprintf(lasterr, sizeof lasterr, "%s state %d errno %d", w, c->state, errno);
    close(c->fd);
    c->fd = -1;
    c->state = C_DEAD;
}

static int c_open(struct cc *c) {
    memset(c, 0, offsetof(struct cc, udpcmd));
    c->fd = nonblock_tcp();
    if (c->fd < 0)
        return -1;
    struct sockaddr_in a = (O.proto == P_DIRECT) ? O.target : O.proxy;
    unsigned q = connseq++;
    if (O.spread && O.kase[0] != 'u' && (ntohl(a.sin_addr.s_addr) >> 24) == 127) {
        int on = 1;
        setsockopt(c->fd, IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, &on, 4);
        struct sockaddr_in s = {.sin_family = AF_INET};
        s.sin_addr.s_addr = htonl(0x7f020001 + ((q % 16) << 8));
        bind(c->fd, (void *)&s, sizeof s);
    }
    if (O.proto == P_DIRECT && O.ntargets > 1)
        a.sin_addr.s_addr = htonl(ntohl(a.sin_addr.s_addr) + q % O.ntargets);
    c->idx = q;
    c->state = C_CONNECT;
    int r = connect(c->fd, (void *)&a, sizeof a);
    if (r && errno != EINPROGRESS) {
        close(c->fd);
        return -1;
    }
    struct epoll_event e = {.events = EPOLLOUT | EPOLLIN, .data.ptr = c};
    c->ev = e.events;
    epoll_ctl(ep, EPOLL_CTL_ADD, c->fd, &e);
    return 0;
}

static int ws_hdr(uint8_t *o, size_t n) {
    o[0] = 0x82;
    int k;
    if (n < 126) {
        o[1] = 0x80 | n;
        k = 2;
    } else {
        o[1] = 0x80 | 126;
        o[2] = n >> 8;
        o[3] = n;
        k = 4;
    }
    memset(o + k, 0, 4);
    return k + 4;
}

static int c_send(struct cc *c, const void *b, size_t n) {
    uint8_t t[2100];
    if (is_ws() && c->state != C_WSUP) {
        int h = ws_hdr(t, n);
        memcpy(t + h, b, n);
        b = t;
        n += h;
    }
    ssize_t r = send(c->fd, b, n, MSG_DONTWAIT | MSG_NOSIGNAL);
    return r == (ssize_t)n ? 0 : -1;
}

// read application bytes into c->in; -1 error/eof, 0 nothing, >0 bytes added
static int c_read(struct cc *c) {
    if (!is_ws() || c->state == C_WSUP) {
        ssize_t r = recv(c->fd, c->in + c->n, sizeof c->in - c->n - 1, MSG_DONTWAIT);
        if (r == 0)
            return -1;
        if (r < 0)
            return errno == EAGAIN ? 0 : -1;
        c->n += r;
        return r;
    }
    ssize_t r = recv(c->fd, c->raw + c->rn, sizeof c->raw - c->rn, MSG_DONTWAIT);
    if (r == 0)
        return -1;
    if (r < 0)
        return errno == EAGAIN ? 0 : -1;
    c->rn += r;
    int add = 0, p = 0;
    for (;;) {
        if (c->wsleft) {
            size_t k = MIN(c->wsleft, (uint64_t)(c->rn - p));
            k = MIN(k, sizeof c->in - c->n - 1);
            if (!k)
                break;
            memcpy(c->in + c->n, c->raw + p, k);
            c->n += k;
            p += k;
            c->wsleft -= k;
            add += k;
            if (c->wsleft)
                break;
        }
        if (c->rn - p < 2)
            break;
        int l = c->raw[p + 1] & 127, h = 2;
        if (l == 126)
            h = 4;
        if (l == 127)
            h = 10;
        if (c->rn - p < h)
            break;
        uint64_t L = l;
        if (l == 126)
            L = c->raw[p + 2] << 8 | c->raw[p + 3];
        if (l == 127) {
            L = 0;
            for (int i = 0; i < 8; i++)
                L = L << 8 | c->raw[p + 2 + i];
        }
        int op = c->raw[p] & 15;
        if (op == 8)
            return -1;
        p += h;
        c->wsleft = L;
    }
    memmove(c->raw, c->raw + p, c->rn - p);
    c->rn -= p;
    return add;
}

static int send_req(struct cc *c) {
    struct sockaddr_in t = O.target;
    if (O.ntargets > 1)
        t.sin_addr.s_addr = htonl(ntohl(t.sin_addr.s_addr) + c->idx % O.ntargets);
    if (O.proto == P_HTTP) {
        char b[256], ip[32];
        inet_ntop(AF_INET, &t.sin_addr, ip, sizeof ip);
        int n = snprintf(b, sizeof b, "CONNECT %s:%d HTTP/1.1\r\nHost: %s:%d\r\n\r\n", ip,
                         ntohs(t.sin_port), ip, ntohs(t.sin_port));
        c->state = C_HTTP;
        return c_send(c, b, n);
    }
    uint8_t q[10] = {5, c->udpcmd ? 3 : 1, 0, 1};
    if (!c->udpcmd) {
        memcpy(q + 4, &t.sin_addr, 4);
        memcpy(q + 8, &t.sin_port, 2);
    }
    c->state = C_REQ;
    return c_send(c, q, 10);
}

static int start_socks(struct cc *c) {
    c->n = 0;
    c->state = C_GREET;
    return c_send(c, O.user ? "\5\1\2" : "\5\1\0", 3);
}

// drive handshake; returns 1 when the connection has just entered C_RUN
static int c_handshake(struct cc *c, uint32_t ev) {
    if (c->state == C_CONNECT) {
        if (!(ev & (EPOLLOUT | EPOLLERR | EPOLLHUP)))
            return 0;
        int e = 0;
        socklen_t l = sizeof e;
        getsockopt(c->fd, SOL_SOCKET, SO_ERROR, &e, &l);
        if (e) {
            errno = e;
            c_fail(c, "connect");
            return 0;
        }
        c_arm(c, EPOLLIN);
        int r = 0;
        switch (O.proto) {
        case P_DIRECT:
        case P_TCP:
        case P_HTTPFWD:
            c->state = C_RUN;
            return 1;
        case P_HTTP:
            r = send_req(c);
            break;
        case P_SOCKS5:
            r = start_socks(c);
            break;
        default: {
            char b[400], ip[32];
            inet_ntop(AF_INET, &O.proxy.sin_addr, ip, sizeof ip);
            int n = snprintf(
                b, sizeof b,
                "GET %s HTTP/1.1\r\nHost: %s:%d\r\nUpgrade: websocket\r\nConnection: "
                "Upgrade\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: "
                "13\r\nSec-WebSocket-Protocol: binary\r\n\r\n",
                O.wspath, ip, ntohs(O.proxy.sin_port));
            c->state = C_WSUP;
            r = c_send(c, b, n);
        }
        }
        if (r)
            c_fail(c, "send");
        return 0;
    }
    if (!(ev & (EPOLLIN | EPOLLERR | EPOLLHUP)))
        return 0;
    int r = c_read(c);
    if (r < 0) {
        c_fail(c, "handshake eof");
        return 0;
    }
    if (!r)
        return 0;
    c->in[c->n] = 0;
    switch (c->state) {
    case C_WSUP:
    case C_HTTP: {
        char *e = strstr((char *)c->in, "\r\n\r\n");
        if (!e)
            return 0;
        const char *want = c->state == C_HTTP ? " 200" : " 101";
        if (!strstr((char *)c->in, want) || strstr((char *)c->in, want) > (char *)c->in + 12) {
            c_fail(c, "http status");
            return 0;
        }
        c->n = 0;
        if (c->state == C_WSUP && O.proto == P_WSSOCKS5) {
            if (start_socks(c))
                c_fail(c, "send");
            return 0;
        }
        c->state = C_RUN;
        return 1;
    }
    case C_GREET:
        if (c->n < 2)
            return 0;
        if (c->in[0] != 5 || c->in[1] == 255) {
            c_fail(c, "socks method");
            return 0;
        }
        if (c->in[1] == 2) {
            uint8_t b[520];
            int ul = strlen(O.user), pl = strlen(O.pass);
            b[0] = 1;
            b[1] = ul;
            memcpy(b + 2, O.user, ul);
            b[2 + ul] = pl;
            memcpy(b + 3 + ul, O.pass, pl);
            c->n = 0;
            c->state = C_AUTH;
            if (c_send(c, b, 3 + ul + pl))
                c_fail(c, "send");
            return 0;
        }
        c->n = 0;
        if (send_req(c))
            c_fail(c, "send");
        return 0;
    case C_AUTH:
        if (c->n < 2)
            return 0;
        if (c->in[1]) {
            c_fail(c, "auth");
            return 0;
        }
        c->n = 0;
        if (send_req(c))
            c_fail(c, "send");
        return 0;
    case C_REQ: {
        if (c->n < 5)
            return 0;
        int need = c->in[3] == 1 ? 10 : c->in[3] == 4 ? 22 : 7 + c->in[4];
        if (c->n < need)
            return 0;
        if (c->in[1]) {
            c_fail(c, "socks reply");
            return 0;
        }
        memset(&c->bnd, 0, sizeof c->bnd);
        c->bnd.sin_family = AF_INET;
        if (c->in[3] == 1) {
            memcpy(&c->bnd.sin_addr, c->in + 4, 4);
            memcpy(&c->bnd.sin_port, c->in + 8, 2);
        } else if (c->in[3] == 4) {
            memcpy(&c->bnd.sin_addr, c->in + 16, 4);
            memcpy(&c->bnd.sin_port, c->in + 20, 2);
        }
        c->n = 0;
        c->state = C_RUN;
        return 1;
    }
    }
    return 0;
}

static uint32_t *lat;
static size_t nlat, clat;

static void lat_add(uint64_t ns) {
    if (nlat == clat) {
        clat = clat ? clat * 2 : 1 << 20;
        lat = realloc(lat, clat * 4);
    }
    lat[nlat++] = ns > 4000000000u ? 4000000000u : ns;
}

static int cmpu(const void *a, const void *b) {
    uint32_t x = *(uint32_t *)a, y = *(uint32_t *)b;
    return x < y ? -1 : x > y;
}

static void lat_print(void) {
    if (!nlat) {
        printf(",\"p50_us\":null,\"p99_us\":null");
        return;
    }
    qsort(lat, nlat, 4, cmpu);
    printf(",\"p50_us\":%.1f,\"p99_us\":%.1f,\"max_us\":%.1f", lat[nlat / 2] / 1e3,
           lat[nlat * 99 / 100] / 1e3, lat[nlat - 1] / 1e3);
}

// open n connections, wait until all are in RUN (or failed); then each gets `first` sent
static struct cc *conns;

static int open_all(int n, int conc, double tmo, const void *first, int fl, int waitecho) {
    conns = calloc(n, sizeof *conns);
    int started = 0, ready = 0, dead = 0;
    uint64_t end = now_ns() + (uint64_t)(tmo * 1e9);
    struct epoll_event ev[256];
    nerr = 0;
    int *echo = calloc(n, sizeof(int));
    int progress = 1;
    (void)progress;
    while (ready + dead < n && now_ns() < end) {
        while (started < n && started - ready - dead < conc) {
            conns[started].udpcmd = O.kase[0] == 'u';
            if (c_open(&conns[started])) {
                nerr++;
                dead++;
                conns[started].state = C_DEAD;
                snprintf(lasterr, sizeof lasterr, "open errno %d", errno);
            }
            started++;
        }
        int k = epoll_wait(ep, ev, 256, 100);
        for (int i = 0; i < k; i++) {
            struct cc *c = ev[i].data.ptr;
            int ix = c - conns;
            if (c->state == C_DEAD)
                continue;
            if (c->state == C_RUN) {
                if (waitecho && !echo[ix]) {
                    int r = c_read(c);
                    if (r < 0) {
                        c_fail(c, "echo eof");
                        dead++;
                    } else if (c->n > 0) {
                        echo[ix] = 1;
                        ready++;
                        c->n = 0;
                    }
                } else if (ev[i].events & (EPOLLHUP | EPOLLERR)) {
                    c_fail(c, "closed");
                    ready--;
                    dead++;
                } else
                    c_arm(c, 0);
                continue;
            }
            int r = c_handshake(c, ev[i].events);
            if (c->state == C_DEAD) {
                dead++;
                continue;
            }
            if (r) {
                if (fl && c_send(c, first, fl)) {
                    c_fail(c, "send first");
                    dead++;
                    continue;
                }
                if (!waitecho) {
                    ready++;
                    c_arm(c, 0);
                }
            }
        }
    }
    for (int i = 0; i < n; i++)
        if (conns[i].state != C_RUN && conns[i].state != C_DEAD && i < started) {
            c_fail(&conns[i], "handshake timeout");
        }
    free(echo);
    return ready;
}

static void cpu_fields(struct usage a, struct usage b, double self, double wall, double units,
                       const char *per) {
    if (O.pids && *O.pids) {
        double c = b.cpu - a.cpu;
        printf(",\"proxy_cpu_s\":%.3f,\"proxy_cpu_util\":%.3f", c, c / wall);
        if (units > 0)
            printf(",\"%s\":%.6f", per, c / units);
    }
    printf(",\"gen_cpu_util\":%.3f", self / wall);
}

// ---------------------------------------------------------------- bulk
static int run_bulk(void) {
    int down = O.dir[0] != 'u', up = O.dir[0] != 'd';
    char m = down && up ? 'B' : down ? 'S' : 'K';
    int ok = open_all(O.streams, 64, 8, &m, 1, 0);
    if (ok < O.streams) {
        jhead();
        printf(",\"error\":\"only %d of %d streams: %s\"}\n", ok, O.streams, lasterr);
        return 1;
    }
    for (int i = 0; i < O.streams; i++)
        c_arm(&conns[i], (down ? EPOLLIN : 0) | (up ? EPOLLOUT : 0));
    uint64_t t0 = now_ns(), w = t0 + (uint64_t)(O.warm * 1e9), end = w + (uint64_t)(O.secs * 1e9),
             in = 0, out = 0, in0 = 0, out0 = 0, ts = 0, tn;
    struct usage a = {0}, b;
    double s0 = 0;
    int started = 0;
    struct epoll_event ev[128];
    static uint8_t buf[1 << 20];
    while ((tn = now_ns()) < end) {
        if (!started && tn >= w) {
            started = 1;
            a = sample(0);
            s0 = self_cpu();
            in0 = in;
            out0 = out;
            ts = now_ns();
            end = ts + (uint64_t)(O.secs * 1e9);
            for (int i = 0; i < O.streams; i++)
                conns[i].got = 0;
        }
        int k = epoll_wait(ep, ev, 128, 50);
        for (int i = 0; i < k; i++) {
            struct cc *c = ev[i].data.ptr;
            if (c->state == C_DEAD)
                continue;
            if (ev[i].events & (EPOLLIN | EPOLLHUP | EPOLLERR))
                for (int q = 0; q < 4; q++) {
                    ssize_t r =
                        recv(c->fd, buf, sizeof buf, MSG_DONTWAIT | (use_copy ? 0 : MSG_TRUNC));
                    if (r > 0) {
                        in += r;
                        c->got += r;
                        if (r < 65536)
                            break;
                    } else if (r == 0 || errno != EAGAIN) {
                        c_fail(c, "stream closed");
                        break;
                    } else
                        break;
                }
            if (c->state != C_DEAD && up && (ev[i].events & EPOLLOUT))
                for (int q = 0; q < 4; q++) {
                    ssize_t r = stream_send(c->fd, is_ws(), &c->pos, ~0ull);
                    if (r > 0) {
                        out += r;
                        c->got += r;
                    } else if (r < 0 && errno == EAGAIN)
                        break;
                    else {
                        c_fail(c, "send");
                        break;
                    }
                }
        }
    }
    tn = now_ns();
    b = sample(0);
    double wall = (tn - ts) / 1e9, tot = (double)(in - in0 + out - out0);
    double self = self_cpu() - s0;
    uint64_t mn = ~0ull, mx = 0;
    for (int i = 0; i < O.streams; i++) {
        if (conns[i].got < mn)
            mn = conns[i].got;
        if (conns[i].got > mx)
            mx = conns[i].got;
    }
    jhead();
    printf(",\"value\":%.1f,\"unit\":\"MB/"
           "s\",\"streams\":%d,\"down_MBps\":%.1f,\"up_MBps\":%.1f,\"min_share\":%.3f,\"err\":%d",
           tot / wall / 1e6, O.streams, (in - in0) / wall / 1e6, (out - out0) / wall / 1e6,
           mx ? (double)mn / (tot / O.streams) : 0.0, nerr);
    cpu_fields(a, b, self, wall, tot / 1073741824.0, "cpu_s_per_GiB");
    printf("}\n");
    return 0;
}

// ---------------------------------------------------------------- request/response
static int rr_send(struct cc *c, uint64_t t) {
    static uint8_t m[2048];
    c->t0 = t;
    c->busy = 1;
    c->n = 0;
    return c_send(c, m, O.size);
}

static int run_rr(int paced) {
    char m = 'E';
    int ok = open_all(O.streams, 64, 8, &m, 1, 0);
    if (ok < O.streams) {
        jhead();
        printf(",\"error\":\"only %d of %d: %s\"}\n", ok, O.streams, lasterr);
        return 1;
    }
    for (int i = 0; i < O.streams; i++)
        c_arm(&conns[i], EPOLLIN);
    uint64_t t = now_ns(), w = t + (uint64_t)(O.warm * 1e9), end = w + (uint64_t)(O.secs * 1e9),
             per = paced ? (uint64_t)(1e9 * O.streams / O.rate) : 0, ts = 0;
    int started = 0;
    struct usage a = {0}, b;
    double s0 = 0;
    struct epoll_event ev[128];
    for (int i = 0; i < O.streams; i++) {
        if (paced)
            conns[i].sched = t + per * i / O.streams;
        else
            rr_send(&conns[i], now_ns());
    }
    while ((t = now_ns()) < end) {
        if (!started && t >= w) {
            started = 1;
            nlat = 0;
            a = sample(0);
            s0 = self_cpu();
            ts = now_ns();
            end = ts + (uint64_t)(O.secs * 1e9);
        }
        uint64_t next = ~0ull;
        if (paced)
            for (int i = 0; i < O.streams; i++) {
                struct cc *c = &conns[i];
                if (c->state == C_DEAD || c->busy)
                    continue;
                if (c->sched <= t) {
                    uint64_t s = c->sched;
                    c->sched += per;
                    if (rr_send(c, s))
                        c_fail(c, "send");
                } else if (c->sched < next)
                    next = c->sched;
            }
        struct timespec to = {0, 50000000};
        if (paced && next != ~0ull) {
            uint64_t n2 = now_ns();
            uint64_t d = next > n2 ? next - n2 : 0;
            if (d > 50000000)
                d = 50000000;
            to.tv_nsec = d;
        }
        int k = epoll_pwait2(ep, ev, 128, &to, 0);
        for (int i = 0; i < k; i++) {
            struct cc *c = ev[i].data.ptr;
            if (c->state == C_DEAD)
                continue;
            int r = c_read(c);
            if (r < 0) {
                c_fail(c, "rr eof");
                continue;
            }
            if (c->n >= O.size && c->busy) {
                t = now_ns();
                lat_add(t - c->t0);
                c->busy = 0;
                c->n = 0;
                if (!paced) {
                    if (rr_send(c, now_ns()))
                        c_fail(c, "send");
                } else if (c->sched <= t) {
                    uint64_t s = c->sched;
                    c->sched += per;
                    if (rr_send(c, s))
                        c_fail(c, "send");
                }
            }
        }
    }
    b = sample(0);
    double wall = (now_ns() - ts) / 1e9, self = self_cpu() - s0;
    jhead();
    printf(",\"value\":%.0f,\"unit\":\"rt/s\",\"streams\":%d,\"size\":%d,\"err\":%d", nlat / wall,
           O.streams, O.size, nerr);
    cpu_fields(a, b, self, wall, nlat / 1e3, "cpu_s_per_k");
    lat_print();
    printf("}\n");
    return 0;
}

// ---------------------------------------------------------------- HTTP forward, keep-alive GETs
static int http_req(struct cc *c, char *b) {
    char ip[32];
    inet_ntop(AF_INET, &O.target.sin_addr, ip, sizeof ip);
    int n = snprintf(b, 300,
                     "GET http://%s:%d/%d HTTP/1.1\r\nHost: %s:%d\r\nUser-Agent: pxbench\r\n\r\n",
                     ip, ntohs(O.target.sin_port), O.size, ip, ntohs(O.target.sin_port));
    (void)c;
    return n;
}

static int run_http(void) {
    int ok = open_all(O.streams, 64, 8, "", 0, 0);
    if (ok < O.streams) {
        jhead();
        printf(",\"error\":\"only %d: %s\"}\n", ok, lasterr);
        return 1;
    }
    uint64_t w = now_ns() + (uint64_t)(O.warm * 1e9), end = w + (uint64_t)(O.secs * 1e9), t, ts = 0;
    int started = 0;
    struct usage a = {0}, b;
    double s0 = 0;
    struct epoll_event ev[128];
    char q[300];
    static uint8_t tmp[70000];
    uint64_t done = 0, reopen = 0;
    for (int i = 0; i < O.streams; i++) {
        struct cc *c = &conns[i];
        c_arm(c, EPOLLIN);
        int n = http_req(c, q);
        c->t0 = now_ns();
        c->need = -1;
        c_send(c, q, n);
    }
    while ((t = now_ns()) < end) {
        if (!started && t >= w) {
            started = 1;
            nlat = 0;
            done = 0;
            reopen = 0;
            a = sample(0);
            s0 = self_cpu();
            ts = now_ns();
            end = ts + (uint64_t)(O.secs * 1e9);
        }
        int k = epoll_wait(ep, ev, 128, 50);
        for (int i = 0; i < k; i++) {
            struct cc *c = ev[i].data.ptr;
            if (c->state == C_DEAD)
                continue;
            if (c->state == C_CONNECT) {
                if (c_handshake(c, ev[i].events)) {
                    int n = http_req(c, q);
                    c->t0 = now_ns();
                    c->need = -1;
                    c->n = 0;
                    c_send(c, q, n);
                }
                continue;
            }
            ssize_t r;
            int eof = 0;
            if (c->need < 0) {
                r = recv(c->fd, c->in + c->n, sizeof c->in - 1 - c->n, MSG_DONTWAIT);
                if (r <= 0) {
                    if (r < 0 && errno == EAGAIN)
                        continue;
                    eof = 1;
                } else {
                    c->n += r;
                    c->in[c->n] = 0;
                    char *e = strstr((char *)c->in, "\r\n\r\n");
                    if (e) {
                        if (!strstr((char *)c->in, " 200")) {
                            c_fail(c, "http status");
                            continue;
                        }
                        c->need = O.size - (c->n - (e + 4 - (char *)c->in));
                    } else if (c->n >= (int)sizeof c->in - 1) {
                        c_fail(c, "header too long");
                        continue;
                    }
                }
            } else {
                r = recv(c->fd, tmp, sizeof tmp, MSG_DONTWAIT);
                if (r <= 0) {
                    if (r < 0 && errno == EAGAIN)
                        continue;
                    eof = 1;
                } else
                    c->need -= r;
            }
            if (!eof && c->need == 0) {
                done++;
                t = now_ns();
                lat_add(t - c->t0);
                c->n = 0;
                c->need = -1;
                c->t0 = t;
                int n = http_req(c, q);
                if (c_send(c, q, n))
                    eof = 1;
            }
            if (eof) {
                close(c->fd);
                reopen++;
                if (c_open(c)) {
                    nerr++;
                    c->state = C_DEAD;
                }
            }
        }
    }
    b = sample(0);
    double wall = (now_ns() - ts) / 1e9, self = self_cpu() - s0;
    jhead();
    printf(
        ",\"value\":%.0f,\"unit\":\"req/s\",\"streams\":%d,\"size\":%d,\"reopened\":%lu,\"err\":%d",
        done / wall, O.streams, O.size, (unsigned long)reopen, nerr);
    cpu_fields(a, b, self, wall, done / 1e3, "cpu_s_per_k");
    lat_print();
    printf("}\n");
    return 0;
}

// ---------------------------------------------------------------- connection rate
static int run_connrate(void) {
    int n = O.streams;
    conns = calloc(n, sizeof *conns);
    uint64_t done = 0, t = now_ns(), w = t + (uint64_t)(O.warm * 1e9),
             end = w + (uint64_t)(O.secs * 1e9), ts = 0;
    int started = 0;
    struct usage a = {0}, b;
    double s0 = 0;
    struct epoll_event ev[128];
    uint64_t lastprog = t;
    for (int i = 0; i < n; i++) {
        conns[i].udpcmd = 0;
        if (c_open(&conns[i]))
            conns[i].state = C_DEAD;
        else
            conns[i].t0 = now_ns();
    }
    while ((t = now_ns()) < end) {
        if (!started && t >= w) {
            started = 1;
            done = 0;
            nlat = 0;
            nerr = 0;
            a = sample(0);
            s0 = self_cpu();
            ts = now_ns();
            end = ts + (uint64_t)(O.secs * 1e9);
        }
        int k = epoll_wait(ep, ev, 128, 50);
        for (int i = 0; i < k; i++) {
            struct cc *c = ev[i].data.ptr;
            if (c->state == C_DEAD)
                goto reopen;
            if (c->state != C_RUN) {
                if (c_handshake(c, ev[i].events)) {
                    if (c_send(c, "Ex", 2))
                        c_fail(c, "send");
                }
                if (c->state == C_DEAD)
                    goto reopen;
                continue;
            }
            int r = c_read(c);
            if (r < 0) {
                c_fail(c, "eof before echo");
                goto reopen;
            }
            if (c->n >= 1) {
                done++;
                lastprog = t;
                lat_add(now_ns() - c->t0);
                close(c->fd);
                goto reopen;
            }
            continue;
        reopen:
            if (nerr > 20000)
                break;
            c->udpcmd = 0;
            if (c_open(c)) {
                nerr++;
                c->state = C_DEAD;
                snprintf(lasterr, sizeof lasterr, "open errno %d", errno);
            } else
                c->t0 = now_ns();
        }
        if (t - lastprog > 4000000000ull)
            break;
    }
    b = sample(0);
    double wall = (now_ns() - ts) / 1e9, self = self_cpu() - s0;
    if (!started || !done) {
        jhead();
        printf(",\"error\":\"no connection completed, %d errors: %s\"}\n", nerr, lasterr);
        return 1;
    }
    jhead();
    printf(",\"value\":%.0f,\"unit\":\"conn/s\",\"conc\":%d,\"done\":%lu,\"err\":%d", done / wall,
           n, (unsigned long)done, nerr);
    if (nerr)
        printf(",\"lasterr\":\"%s\"", lasterr);
    cpu_fields(a, b, self, wall, done / 1e3, "cpu_s_per_k");
    lat_print();
    printf("}\n");
    return 0;
}

// ---------------------------------------------------------------- idle connections
static int run_idle(void) {
    usleep(800000);
    struct usage a = sample(1);
    double m0 = mem_avail_kb();
    uint64_t t0 = now_ns();
    int ok = open_all(O.idle, 64, O.secs > 10 ? O.secs : 10, "Ex", 2, 1);
    double el = (now_ns() - t0) / 1e9;
    usleep(700000);
    struct usage b = sample(1);
    double m1 = mem_avail_kb();
    jhead();
    printf(",\"value\":%.3f,\"unit\":\"KiB/conn\",\"opened\":%d,\"wanted\":%d,\"open_s\":%.2f",
           ok > 0 ? (b.pss_kb - a.pss_kb) / ok : -1.0, ok, O.idle, el);
    printf(",\"rss0_kb\":%.0f,\"rss1_kb\":%.0f,\"pss0_kb\":%.0f,\"pss1_kb\":%.0f", a.rss_kb,
           b.rss_kb, a.pss_kb, b.pss_kb);
    printf(",\"sysmem_kb_per_conn\":%.3f,\"fds_per_conn\":%.3f,\"procs\":%d,\"threads\":%d",
           ok > 0 ? (m0 - m1) / ok : 0.0, ok > 0 ? (double)(b.descriptors - a.descriptors) / ok : 0,
           b.procs, b.threads);
    printf(",\"cpu_s\":%.2f,\"err\":%d", b.cpu - a.cpu, nerr);
    if (nerr)
        printf(",\"lasterr\":\"%s\"", lasterr);
    printf("}\n");
    return 0;
}

// ---------------------------------------------------------------- UDP
struct uf {
    int fd;
    int inflight;
    uint64_t seq, last;
    uint64_t sent, rcvd;
};

static int udp_setup(struct uf *f, int n, int sink, int *hl) {
    struct sockaddr_in t = O.target;
    if (sink)
        t.sin_port = htons(ntohs(t.sin_port) + 1);
    *hl = 0;
    if (O.proto == P_SOCKS5) {
        *hl = 10;
        int ok = open_all(n, 16, 8, "", 0, 0);
        if (ok < n) {
            jhead();
            printf(",\"error\":\"udp associate: only %d of %d: %s\"}\n", ok, n, lasterr);
            return -1;
        }
    }
    for (int i = 0; i < n; i++) {
        f[i].fd = socket(AF_INET, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
        int b = 4 << 20;
        if (setsockopt(f[i].fd, SOL_SOCKET, SO_RCVBUFFORCE, &b, 4))
            setsockopt(f[i].fd, SOL_SOCKET, SO_RCVBUF, &b, 4);
        struct sockaddr_in a = t;
        if (O.proto == P_SOCKS5) {
            a = conns[i].bnd;
            if (!a.sin_addr.s_addr)
                a.sin_addr = O.proxy.sin_addr;
        } else if (O.proto == P_TCP)
            a = O.proxy;
        if (connect(f[i].fd, (void *)&a, sizeof a))
            die("udp connect %s", strerror(errno));
        struct epoll_event e = {.events = sink ? 0 : EPOLLIN, .data.ptr = &f[i]};
        epoll_ctl(ep, EPOLL_CTL_ADD, f[i].fd, &e);
    }
    return 0;
}

static uint8_t utx[UB][2048], urx[UB][2048];
static struct mmsghdr umt[UB], umr[UB];
static struct iovec uvt[UB], uvr[UB];

static void udp_hdr(int hl, int sink) {
    for (int i = 0; i < UB; i++) {
        if (hl) {
            uint8_t *h = utx[i];
            memset(h, 0, 10);
            h[3] = 1;
            memcpy(h + 4, &O.target.sin_addr, 4);
            uint16_t p = sink ? htons(ntohs(O.target.sin_port) + 1) : O.target.sin_port;
            memcpy(h + 8, &p, 2);
        }
        uvt[i].iov_base = utx[i];
        uvt[i].iov_len = hl + O.size;
        umt[i].msg_hdr = (struct msghdr){.msg_iov = &uvt[i], .msg_iovlen = 1};
        uvr[i].iov_base = urx[i];
        uvr[i].iov_len = 2048;
        umr[i].msg_hdr = (struct msghdr){.msg_iov = &uvr[i], .msg_iovlen = 1};
    }
}

static int udp_fill(struct uf *f, int k, int hl, uint64_t t) {
    int tot = 0;
    while (k > 0) {
        int m = MIN(k, UB);
        for (int i = 0; i < m; i++) {
            uint64_t *q = (uint64_t *)(utx[i] + hl);
            q[0] = f->seq + i;
            q[1] = t;
        }
        int r = sendmmsg(f->fd, umt, m, MSG_DONTWAIT);
        if (r <= 0)
            break;
        f->seq += r;
        f->inflight += r;
        f->sent += r;
        tot += r;
        k -= r;
        if (r < m)
            break;
    }
    return tot;
}

static int run_udp(void) {
    int n = O.flows, hl;
    struct uf *f = calloc(n, sizeof *f);
    if (O.size < 16)
        O.size = 16;
    if (udp_setup(f, n, 0, &hl))
        return 1;
    udp_hdr(hl, 0);
    int win = O.window ? O.window : (n == 1 ? 64 : 4);
    uint64_t t = now_ns(), w = t + (uint64_t)(O.warm * 1e9), end = w + (uint64_t)(O.secs * 1e9),
             ts = 0, sent = 0, rcvd = 0, lost = 0, bad = 0, tick = t;
    int started = 0;
    struct usage a = {0}, b;
    double s0 = 0;
    struct epoll_event ev[128];
    for (int i = 0; i < n; i++) {
        f[i].last = t;
        sent += udp_fill(&f[i], win, hl, t);
    }
    while ((t = now_ns()) < end) {
        if (!started && t >= w) {
            started = 1;
            nlat = 0;
            sent = rcvd = lost = 0;
            for (int i = 0; i < n; i++)
                f[i].rcvd = 0;
            a = sample(0);
            s0 = self_cpu();
            ts = now_ns();
            end = ts + (uint64_t)(O.secs * 1e9);
        }
        int k = epoll_wait(ep, ev, 128, 20);
        t = now_ns();
        for (int i = 0; i < k; i++) {
            struct uf *x = ev[i].data.ptr;
            if ((void *)x >= (void *)conns && (void *)x < (void *)(conns + (conns ? n : 0))) {
                struct cc *c = (void *)x;
                c_fail(c, "control closed");
                continue;
            }
            int r = recvmmsg(x->fd, umr, UB, MSG_DONTWAIT, 0);
            if (r <= 0)
                continue;
            int good = 0;
            for (int q = 0; q < r; q++) {
                if ((int)umr[q].msg_len != hl + O.size) {
                    bad++;
                    continue;
                }
                uint64_t s = *(uint64_t *)(urx[q] + hl + 8);
                if ((good & 7) == 0)
                    lat_add(t - s);
                good++;
            }
            x->rcvd += good;
            rcvd += good;
            x->inflight -= good;
            if (x->inflight < 0)
                x->inflight = 0;
            x->last = t;
            sent += udp_fill(x, win - x->inflight, hl, t);
        }
        if (t - tick > 20000000) {
            tick = t;
            for (int i = 0; i < n; i++)
                if (f[i].inflight && t - f[i].last > 100000000ull) {
                    lost += f[i].inflight;
                    f[i].inflight = 0;
                    f[i].last = t;
                    sent += udp_fill(&f[i], win, hl, t);
                } else if (!f[i].inflight)
                    sent += udp_fill(&f[i], win, hl, t);
        }
    }
    b = sample(0);
    double wall = (now_ns() - ts) / 1e9, self = self_cpu() - s0;
    int64_t gap = 0;
    for (int i = 0; i < n; i++)
        gap += f[i].inflight;
    uint64_t alive = 0;
    for (int i = 0; i < n; i++)
        alive += f[i].rcvd > 0;
    jhead();
    printf(",\"value\":%.0f,\"unit\":\"echo pkt/s\",\"size\":%d,\"flows\":%d,\"flows_alive\":%lu,"
           "\"window\":%d,\"sent\":%lu,\"rcvd\":%lu,\"lost\":%lu,\"loss\":%.5f,\"bad\":%lu,"
           "\"err\":%d",
           rcvd / wall, O.size, n, (unsigned long)alive, win, (unsigned long)sent,
           (unsigned long)rcvd, (unsigned long)lost, sent ? (double)lost / sent : 0,
           (unsigned long)bad, nerr);
    cpu_fields(a, b, self, wall, rcvd / 1e3, "cpu_s_per_k");
    lat_print();
    printf("}\n");
    return 0;
}

// ---------------------------------------------------------------- UDP in trains
static uint8_t train_out[TRAIN_BYTES], train_in[TRAIN_BYTES];

// Fills the train that is sent again and again: each datagram with its SOCKS5 header, if any.
static void train_fill(int hl, int size, int length) {
    for (int i = 0; i < length; i++) {
        uint8_t *h = train_out + i * (hl + size);
        if (hl) {
            memset(h, 0, 10);
            h[3] = 1;
            memcpy(h + 4, &O.target.sin_addr, 4);
            memcpy(h + 8, &O.target.sin_port, 2);
        }
        memcpy(h + hl, pat + i, size);
    }
}

static int train_refill(struct uf *f, int window, int length, int segment) {
    int sent = 0;
    while (f->inflight + length <= window) {
        if (train_send(f->fd, train_out, (size_t)length * segment, 0, segment) < 0)
            break;
        f->inflight += length;
        sent += length;
    }
    return sent;
}

// Echo in trains, a closed window of two trains per flow; a datagram is lost when nothing has come
// back for 100 ms.
static int run_train(void) {
    int n = O.flows, hl;
    O.target.sin_port = htons(ntohs(O.target.sin_port) + 2);
    struct uf *f = calloc(n, sizeof *f);
    if (udp_setup(f, n, 0, &hl))
        return 1;
    int segment = hl + O.size, length = train_length(segment);
    int window = O.window ? O.window : 2 * length;
    train_fill(hl, O.size, length);
    uint64_t t = now_ns(), w = t + (uint64_t)(O.warm * 1e9), end = w + (uint64_t)(O.secs * 1e9);
    uint64_t ts = 0, sent = 0, rcvd = 0, lost = 0, bad = 0, messages = 0, tick = t;
    int started = 0;
    struct usage a = {0}, b;
    double s0 = 0;
    struct epoll_event ev[128];
    for (int i = 0; i < n; i++) {
        if (train_socket_option(f[i].fd))
            die("UDP_GRO: %s", strerror(errno));
        f[i].last = t;
        sent += train_refill(&f[i], window, length, segment);
    }
    while ((t = now_ns()) < end) {
        if (!started && t >= w) {
            started = 1;
            sent = rcvd = lost = messages = 0;
            a = sample(0);
            s0 = self_cpu();
            ts = now_ns();
            end = ts + (uint64_t)(O.secs * 1e9);
        }
        int k = epoll_wait(ep, ev, 128, 20);
        t = now_ns();
        for (int i = 0; i < k; i++) {
            struct uf *x = ev[i].data.ptr;
            if ((void *)x >= (void *)conns && (void *)x < (void *)(conns + (conns ? n : 0))) {
                c_fail((void *)x, "control closed");
                continue;
            }
            for (int rep = 0; rep < 16; rep++) {
                int size;
                ssize_t r = train_receive(x->fd, train_in, 0, &size);
                if (r <= 0)
                    break;
                messages++;
                if (size != segment || r % segment) {
                    bad++;
                    continue;
                }
                int good = r / segment;
                rcvd += good;
                x->rcvd += good;
                x->inflight = x->inflight > good ? x->inflight - good : 0;
                x->last = t;
            }
            sent += train_refill(x, window, length, segment);
        }
        if (t - tick > 20000000) {
            tick = t;
            for (int i = 0; i < n; i++) {
                if (f[i].inflight && t - f[i].last > 100000000ull) {
                    lost += f[i].inflight;
                    f[i].inflight = 0;
                    f[i].last = t;
                }
                sent += train_refill(&f[i], window, length, segment);
            }
        }
    }
    b = sample(0);
    double wall = (now_ns() - ts) / 1e9, self = self_cpu() - s0;
    jhead();
    printf(",\"value\":%.0f,\"unit\":\"echo pkt/s\",\"size\":%d,\"flows\":%d,\"train\":%d,"
           "\"joined\":%.1f,\"sent\":%lu,\"rcvd\":%lu,\"lost\":%lu,\"loss\":%.5f,\"bad\":%lu,"
           "\"err\":%d",
           rcvd / wall, O.size, n, length, messages ? (double)rcvd / messages : 0,
           (unsigned long)sent, (unsigned long)rcvd, (unsigned long)lost,
           sent ? (double)lost / sent : 0, (unsigned long)bad, nerr);
    cpu_fields(a, b, self, wall, rcvd / 1e3, "cpu_s_per_k");
    printf("}\n");
    return 0;
}

static int backend_count(uint64_t v[2]) {
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    struct timeval tv = {3, 0};
    setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &tv, sizeof tv);
    if (connect(fd, (void *)&O.target, sizeof O.target) || send(fd, "C", 1, 0) != 1 ||
        recv(fd, v, 16, MSG_WAITALL) != 16) {
        close(fd);
        return -1;
    }
    close(fd);
    return 0;
}

static int run_blast(void) {
    int n = O.flows, hl;
    struct uf *f = calloc(n, sizeof *f);
    if (O.size < 16)
        O.size = 16;
    if (udp_setup(f, n, 1, &hl))
        return 1;
    udp_hdr(hl, 1);
    uint64_t c0[2], c1[2];
    int batch = MIN(UB, O.window ? O.window : 16);
    uint64_t t = now_ns(), w = t + (uint64_t)(O.warm * 1e9), end = w + (uint64_t)(O.secs * 1e9),
             ts = 0, sent = 0, tot = 0;
    int started = 0, ix = 0;
    struct usage a = {0}, b;
    double s0 = 0;
    if (backend_count(c0)) {
        jhead();
        printf(",\"error\":\"backend counter\"}\n");
        return 1;
    }
    while ((t = now_ns()) < end) {
        if (!started && t >= w) {
            started = 1;
            sent = 0;
            if (backend_count(c0))
                break;
            a = sample(0);
            s0 = self_cpu();
            ts = now_ns();
            end = ts + (uint64_t)(O.secs * 1e9);
        }
        if (O.rate > 0) {
            uint64_t base = started ? ts : w - (uint64_t)(O.warm * 1e9);
            double due = O.rate * (t - base) / 1e9;
            if ((started ? sent : tot) > due) {
                struct timespec s = {0, 100000};
                nanosleep(&s, 0);
                continue;
            }
        }
        struct uf *x = &f[ix++ % n];
        x->inflight = 0;
        int r = udp_fill(x, batch, hl, t);
        sent += r;
        tot += r;
    }
    double wall = (now_ns() - ts) / 1e9, self = self_cpu() - s0;
    b = sample(0);
    usleep(100000);
    if (backend_count(c1)) {
        jhead();
        printf(",\"error\":\"backend counter\"}\n");
        return 1;
    }
    double del = c1[0] - c0[0];
    jhead();
    printf(",\"value\":%.0f,\"unit\":\"delivered "
           "pkt/s\",\"size\":%d,\"flows\":%d,\"offered_pps\":%.0f,\"loss\":%.4f,\"err\":%d",
           del / wall, O.size, n, sent / wall, sent ? 1 - MIN(del / sent, 1.0) : 0, nerr);
    cpu_fields(a, b, self, wall, del / 1e3, "cpu_s_per_k");
    printf("}\n");
    return 0;
}

// ---------------------------------------------------------------- integrity: down N bytes, up N
// bytes with half close
static int vwait(struct cc *c, uint32_t ev, int ms) {
    c_arm(c, ev);
    struct epoll_event e;
    return epoll_wait(ep, &e, 1, ms);
}

static int run_verify(void) {
    int bad = 0;
    uint64_t got = 0;
    if (open_all(1, 1, 5, "", 0, 0) < 1) {
        jhead();
        printf(",\"error\":\"%s\"}\n", lasterr);
        return 1;
    }
    struct cc *c = &conns[0];
    uint8_t h[9];
    h[0] = 'D';
    memcpy(h + 1, &O.bytes, 8);
    c_send(c, h, 9);
    uint64_t end = now_ns() + 15000000000ull;
    int eof = 0;
    while (!eof && now_ns() < end) {
        vwait(c, EPOLLIN, 200);
        for (;;) {
            ssize_t r = recv(c->fd, sbuf, sizeof sbuf, MSG_DONTWAIT);
            if (r == 0) {
                eof = 1;
                break;
            }
            if (r < 0) {
                if (errno != EAGAIN)
                    eof = 1;
                break;
            }
            verify_chunk(got, sbuf, r, &bad);
            got += r;
            if (got >= O.bytes && is_ws()) {
                eof = 1;
                break;
            }
        }
    }
    int down_ok = !bad && got == O.bytes, up_ok = 0, half_ok = 0;
    close(c->fd);
    free(conns);
    for (int half = 0; half < 2; half++) {
        h[0] = 'U';
        if (open_all(1, 1, 5, half ? (void *)"V" : (void *)h, half ? 1 : 9, 0) < 1) {
            jhead();
            printf(",\"error\":\"%s\"}\n", lasterr);
            return 1;
        }
        c = &conns[0];
        uint64_t left = half ? 1 << 20 : O.bytes, want = left, pos = 0;
        end = now_ns() + 15000000000ull;
        int fail = 0;
        while (left && now_ns() < end && !fail) {
            vwait(c, EPOLLOUT, 200);
            for (int i = 0; i < 4 && left; i++) {
                ssize_t r = stream_send(c->fd, 0, &pos, left);
                if (r > 0)
                    left -= r;
                else {
                    if (errno != EAGAIN)
                        fail = 1;
                    break;
                }
            }
        }
        if (half)
            shutdown(c->fd, SHUT_WR);
        uint64_t v[2] = {0, 1};
        size_t vn = 0;
        end = now_ns() + 3000000000ull;
        while (vn < 16 && now_ns() < end) {
            vwait(c, EPOLLIN, 200);
            ssize_t r = recv(c->fd, (char *)v + vn, 16 - vn, MSG_DONTWAIT);
            if (r == 0)
                break;
            if (r < 0) {
                if (errno != EAGAIN)
                    break;
                continue;
            }
            vn += r;
        }
        int ok = vn == 16 && v[0] == want && v[1] == 0;
        if (half)
            half_ok = ok;
        else
            up_ok = ok;
        close(c->fd);
        free(conns);
    }
    jhead();
    printf(",\"value\":%d,\"unit\":\"ok\",\"down_ok\":%s,\"up_ok\":%s,\"half_close_ok\":%s,\"down_"
           "bytes\":%lu}\n",
           down_ok && up_ok, down_ok ? "true" : "false", up_ok ? "true" : "false",
           half_ok ? "true" : "false", (unsigned long)got);
    return 0;
}

int main(int ac, char **av) {
    if (ac < 2)
        die("usage: pxbench server --listen A:P | run --case ...");
    signal(SIGPIPE, SIG_IGN);
    set_nofile();
    struct sockaddr_in la;
    int have = 0;
    for (int i = 2; i < ac; i++) {
        const char *k = av[i];
        if (!strcmp(k, "--copy")) {
            use_copy = 1;
            continue;
        }
        if (!strcmp(k, "--sendfile")) {
            use_sendfile = 1;
            continue;
        }
        if (i + 1 >= ac)
            die("missing value for %s", k);
        const char *v = av[++i];
        if (!strcmp(k, "--listen")) {
            parse_addr(v, &la);
            have = 1;
        } else if (!strcmp(k, "--nlisten"))
            nlisten = atoi(v);
        else if (!strcmp(k, "--name"))
            O.name = v;
        else if (!strcmp(k, "--case"))
            O.kase = v;
        else if (!strcmp(k, "--label"))
            O.label = v;
        else if (!strcmp(k, "--proto"))
            O.proto_s = v;
        else if (!strcmp(k, "--proxy"))
            parse_addr(v, &O.proxy);
        else if (!strcmp(k, "--target"))
            parse_addr(v, &O.target);
        else if (!strcmp(k, "--dir"))
            O.dir = v;
        else if (!strcmp(k, "--streams"))
            O.streams = atoi(v);
        else if (!strcmp(k, "--size"))
            O.size = MIN(atoi(v), 1472);
        else if (!strcmp(k, "--flows"))
            O.flows = atoi(v);
        else if (!strcmp(k, "--secs"))
            O.secs = atof(v);
        else if (!strcmp(k, "--warm"))
            O.warm = atof(v);
        else if (!strcmp(k, "--idle"))
            O.idle = atoi(v);
        else if (!strcmp(k, "--rate"))
            O.rate = atof(v);
        else if (!strcmp(k, "--bytes"))
            O.bytes = strtoull(v, 0, 10);
        else if (!strcmp(k, "--window"))
            O.window = atoi(v);
        else if (!strcmp(k, "--ntargets"))
            O.ntargets = atoi(v);
        else if (!strcmp(k, "--pids"))
            O.pids = v;
        else if (!strcmp(k, "--user"))
            O.user = v;
        else if (!strcmp(k, "--pass"))
            O.pass = v;
        else if (!strcmp(k, "--wspath"))
            O.wspath = v;
        else if (!strcmp(k, "--spread"))
            O.spread = atoi(v);
        else
            die("unknown option %s", k);
    }
    if (!strcmp(av[1], "server")) {
        if (!have)
            die("--listen");
        return server(la);
    }
    const char *pn[] = {"direct", "tcp", "socks5", "http", "httpfwd", "ws", "wssocks5"};
    O.proto = -1;
    for (int i = 0; i < 7; i++)
        if (!strcmp(O.proto_s, pn[i]))
            O.proto = i;
    if (O.proto < 0)
        die("proto?");
    if (O.proto == P_DIRECT && !O.proxy.sin_port)
        O.proxy = O.target;
    make_pattern();
    if (is_ws())
        make_wspattern();
    ep = epoll_create1(EPOLL_CLOEXEC);
    if (!strcmp(O.kase, "bulk"))
        return run_bulk();
    if (!strcmp(O.kase, "rr"))
        return run_rr(0);
    if (!strcmp(O.kase, "rrp"))
        return run_rr(1);
    if (!strcmp(O.kase, "connrate"))
        return run_connrate();
    if (!strcmp(O.kase, "idle"))
        return run_idle();
    if (!strcmp(O.kase, "udp"))
        return run_udp();
    if (!strcmp(O.kase, "udptrain"))
        return run_train();
    if (!strcmp(O.kase, "udpblast"))
        return run_blast();
    if (!strcmp(O.kase, "httprps"))
        return run_http();
    if (!strcmp(O.kase, "verify"))
        return run_verify();
    die("case?");
}
