/* What the machine itself can do: the floor that the measurements are held against. Each prints one JSON object.

   floor sync DIRECTORY BYTES COUNT   write and fdatasync into a file that was written before: microseconds of each
   floor watch DIRECTORY              the same with 4 KiB, 20 times a second until SIGTERM: its stalls beside a load
   floor write DIRECTORY MEGABYTES    sequential writes of 1 MiB and one fdatasync at the end: MB/s
   floor copy                         memcpy of more than the caches hold: GB/s
   floor scan FILE                    reads a file from the page cache and finds its lines: MB/s
   floor fold STATES                  updates of 32-byte states in random order, one core: millions/s
   floor lz4 FILE                     its first 64 MiB in blocks of 64 KiB: MB/s in and out of LZ4
   floor tcp                          loopback: MB/s one way in pieces of 64 KiB, and microseconds of a round trip */

#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>
#ifndef WITHOUT_LZ4
#include <lz4.h>
#endif

#include "tool.h"

static uint64_t next(uint64_t *state) {
    *state ^= *state << 13;
    *state ^= *state >> 7;
    return *state ^= *state << 17;
}

/* Bytes that neither a disk nor a file system can leave out. */
static char *noise(size_t count) {
    uint64_t state = 0x1234567887654321u, *bytes = malloc(count + 8);
    if (!bytes) fail("floor: memory");
    for (size_t i = 0; i <= count / 8; i++) bytes[i] = next(&state);
    return (char *)bytes;
}

static int ascending(const void *a, const void *b) {
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static void tell(double *seconds, size_t count) {
    if (!count) fail("floor: nothing measured");
    qsort(seconds, count, sizeof *seconds, ascending);
    printf("{\"count\":%zu,\"p50\":%.1f,\"p99\":%.1f,\"p99.9\":%.1f,\"max\":%.1f}\n", count, seconds[count / 2] * 1e6,
           seconds[count * 99 / 100] * 1e6, seconds[count * 999 / 1000] * 1e6, seconds[count - 1] * 1e6);
}

static int create(const char *directory) {
    char path[4096];
    snprintf(path, sizeof path, "%s/floor-%d", directory, (int)getpid());
    int file = open(path, O_CREAT | O_TRUNC | O_RDWR, 0600);
    if (file < 0) fail(path);
    unlink(path);
    return file;
}

static void writeAll(int file, const char *bytes, size_t count, off_t at) {
    if (pwrite(file, bytes, count, at) != (ssize_t)count) fail("floor: write");
}

static int written(const char *directory, size_t megabytes, const char *bytes) {
    int file = create(directory);
    for (size_t i = 0; i < megabytes; i++) writeAll(file, bytes, 1 << 20, (off_t)i << 20);
    if (fdatasync(file)) fail("floor: fdatasync");
    return file;
}

static volatile sig_atomic_t ended;
static void end(int signal) { ended = signal; }

static double syncOnce(int file, const char *bytes, size_t count, off_t at) {
    double start = now();
    writeAll(file, bytes, count, at);
    if (fdatasync(file)) fail("floor: fdatasync");
    return now() - start;
}

static void sync_(const char *directory, size_t bytes, size_t count) {
    char *data = noise(1 << 20);
    int file = written(directory, 64, data);
    double *seconds = malloc(count * sizeof *seconds);
    size_t places = (64u << 20) / bytes;
    for (size_t i = 0; i < count; i++) seconds[i] = syncOnce(file, data + i % 64, bytes, (off_t)(i % places * bytes));
    tell(seconds, count);
}

static void watch(const char *directory) {
    enum { LIMIT = 20 * 3600 * 4 };
    char *data = noise(1 << 20);
    int file = written(directory, 4, data);
    double *seconds = malloc(LIMIT * sizeof *seconds);
    size_t count = 0;
    signal(SIGTERM, end);
    signal(SIGINT, end);
    while (!ended && count < LIMIT) {
        seconds[count] = syncOnce(file, data + count % 64, 4096, (off_t)(count % 1024 * 4096));
        count++;
        usleep(50000);
    }
    tell(seconds, count);
}

static void write_(const char *directory, size_t megabytes) {
    char *data = noise(1 << 20);
    int file = create(directory);
    double start = now();
    for (size_t i = 0; i < megabytes; i++) writeAll(file, data, 1 << 20, (off_t)i << 20);
    if (fdatasync(file)) fail("floor: fdatasync");
    printf("{\"rate\":%.1f}\n", (double)megabytes * 1.048576 / (now() - start));
}

static void copy(void) {
    size_t count = 256u << 20;
    char *from = noise(count), *to = malloc(count);
    memset(to, 1, count);
    double best = 1e9;
    for (int i = 0; i < 5; i++) {
        double start = now();
        memcpy(to, from, count);
        double seconds = now() - start;
        if (seconds < best) best = seconds;
        from[i] = to[count - 1 - (size_t)i];
    }
    printf("{\"rate\":%.2f}\n", (double)count / best / 1e9);
}

static void scan(const char *path) {
    enum { PIECE = 1 << 18 };
    char *piece = malloc(PIECE);
    double best = 0;
    for (int i = 0; i < 3; i++) {
        int file = open(path, O_RDONLY);
        if (file < 0) fail(path);
        size_t all = 0, lines = 0;
        ssize_t count;
        double start = now();
        while ((count = read(file, piece, PIECE)) > 0) {
            all += (size_t)count;
            for (char *at = piece; (at = memchr(at, '\n', (size_t)(piece + count - at))); at++) lines++;
        }
        double rate = (double)all / (now() - start) / 1e6;
        if (lines && rate > best) best = rate;
        close(file);
    }
    printf("{\"rate\":%.1f}\n", best);
}

typedef struct { int64_t last, sum, charge, balance; } State;

static void fold(size_t states) {
    State *state = calloc(states, sizeof *state);
    size_t count = 20000000;
    uint64_t random = 88172645463325252u;
    for (size_t i = 0; i < states; i++) state[i].last = 1;
    double start = now();
    for (size_t i = 0; i < count; i++) {
        State *it = &state[next(&random) % states];
        int64_t step = (int64_t)(i & 255);
        it->last += step;
        it->sum += step;
        it->charge = it->sum * 30;
        it->balance -= step * 30;
    }
    double rate = (double)count / (now() - start) / 1e6;
    printf("{\"rate\":%.1f,\"check\":%lld}\n", rate, (long long)state[states / 2].balance);
}

static void lz4(const char *path) {
#ifdef WITHOUT_LZ4
    (void)path;
    printf("{}\n");
#else
    enum { BLOCK = 1 << 16, LIMIT = 64 << 20 };
    FILE *file = fopen(path, "r");
    if (!file) fail(path);
    char *plain = malloc(LIMIT), *back = malloc(BLOCK);
    size_t count = fread(plain, 1, LIMIT, file), blocks = (count + BLOCK - 1) / BLOCK, stored = 0;
    int bound = LZ4_compressBound(BLOCK), *sizes = malloc((blocks + 1) * sizeof *sizes);
    char *packed = malloc(blocks * (size_t)bound + 1);
    double start = now();
    for (size_t i = 0; i < blocks; i++) {
        size_t length = count - i * BLOCK < BLOCK ? count - i * BLOCK : BLOCK;
        sizes[i] = LZ4_compress_default(plain + i * BLOCK, packed + i * (size_t)bound, (int)length, bound);
        stored += (size_t)sizes[i];
    }
    double middle = now();
    for (size_t i = 0; i < blocks; i++)
        if (LZ4_decompress_safe(packed + i * (size_t)bound, back, sizes[i], BLOCK) <= 0) fail("floor: lz4");
    double finish = now();
    printf("{\"compress\":%.1f,\"decompress\":%.1f,\"share\":%.3f}\n", (double)count / (middle - start) / 1e6,
           (double)count / (finish - middle) / 1e6, (double)stored / (double)count);
#endif
}

static void tcp(void) {
    enum { PIECE = 65536, TRIPS = 5000 };
    size_t total = (size_t)2 << 30;
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t length = sizeof address;
    int listener = socket(AF_INET, SOCK_STREAM, 0), on = 1;
    if (bind(listener, (void *)&address, length) || listen(listener, 1)) fail("floor: listen");
    if (getsockname(listener, (void *)&address, &length)) fail("floor: listen");
    char *piece = noise(PIECE);
    pid_t child = fork();
    if (!child) {
        int to = socket(AF_INET, SOCK_STREAM, 0);
        if (connect(to, (void *)&address, sizeof address)) fail("floor: connect");
        setsockopt(to, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
        for (int i = 0; i < TRIPS; i++)
            if (recv(to, piece, 64, MSG_WAITALL) != 64 || send(to, piece, 64, 0) != 64) fail("floor: echo");
        for (size_t left = total; left;) {
            ssize_t count = send(to, piece, left < PIECE ? left : PIECE, 0);
            if (count <= 0) fail("floor: send");
            left -= (size_t)count;
        }
        _exit(0);
    }
    int from = accept(listener, NULL, NULL);
    if (from < 0) fail("floor: accept");
    setsockopt(from, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    static double trips[TRIPS];
    for (int i = 0; i < TRIPS; i++) {
        double start = now();
        if (send(from, piece, 64, 0) != 64 || recv(from, piece, 64, MSG_WAITALL) != 64) fail("floor: round trip");
        trips[i] = now() - start;
    }
    size_t all = 0;
    ssize_t count;
    double start = now();
    while ((count = recv(from, piece, PIECE, 0)) > 0) all += (size_t)count;
    double seconds = now() - start;
    waitpid(child, NULL, 0);
    if (all != total) fail("floor: tcp");
    qsort(trips, TRIPS, sizeof *trips, ascending);
    printf("{\"rate\":%.1f,\"p50\":%.1f,\"p99\":%.1f}\n", (double)all / seconds / 1e6, trips[TRIPS / 2] * 1e6,
           trips[TRIPS * 99 / 100] * 1e6);
}

int main(int count, char **arguments) {
    const char *name = count > 1 ? arguments[1] : "";
    size_t number = count > 3 ? strtoul(arguments[3], 0, 10) : 0;
    if (!strcmp(name, "sync") && count == 5) sync_(arguments[2], number, strtoul(arguments[4], 0, 10));
    else if (!strcmp(name, "watch") && count == 3) watch(arguments[2]);
    else if (!strcmp(name, "write") && count == 4) write_(arguments[2], number);
    else if (!strcmp(name, "copy")) copy();
    else if (!strcmp(name, "scan") && count == 3) scan(arguments[2]);
    else if (!strcmp(name, "fold") && count == 3) fold(strtoul(arguments[2], 0, 10));
    else if (!strcmp(name, "lz4") && count == 3) lz4(arguments[2]);
    else if (!strcmp(name, "tcp")) tcp();
    else return fprintf(stderr, "floor: see the beginning of floor.c\n"), 64;
    return 0;
}
