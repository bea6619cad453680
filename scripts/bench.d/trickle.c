/* A receiver's worst customers: many small sendings, each of which waits for its ack.

   trickle PORT connection COUNT WORKERS        each of COUNT devices connects, sends one reading, has its ack and goes
   trickle PORT batch COUNT READINGS WORKERS    each worker sends READINGS lines and waits for the ack of the last, over
                                                and over, COUNT sendings in all

   Prints {"sendings":n,"readings":n,"seconds":s,"p50":us,"p99":us}; exits 1 unless every reading was acknowledged. */

#include <arpa/inet.h>
#include <netinet/tcp.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

#include "tool.h"

static const char firstLine[] = "meterfold/1 {\"ack\":true,\"format\":\"line-protocol\",\"precision\":\"s\","
                                "\"unit\":\"Wh\",\"register\":\"1-0:1.8.0\"}\n";
static int port, connects;
static long sendings, readings, workers;
static double *seconds;

static int dial(void) {
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons((unsigned short)port)};
    struct timeval limit = {.tv_sec = 30};
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    int to = socket(AF_INET, SOCK_STREAM, 0), on = 1;
    if (to < 0 || connect(to, (void *)&address, sizeof address)) fail("trickle: connect");
    setsockopt(to, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    setsockopt(to, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit);
    return to;
}

static void sendAll(int to, const char *bytes, size_t count) {
    if (send(to, bytes, count, MSG_NOSIGNAL) != (ssize_t)count) fail("trickle: send");
}

/* Reads acks `ok POSITION LINE` until that of a line has come. */
static void await(int from, long line) {
    char text[4096];
    size_t held = 0;
    for (;;) {
        ssize_t count = recv(from, text + held, sizeof text - 1 - held, 0);
        if (count <= 0) fail("trickle: no ack");
        held += (size_t)count;
        text[held] = 0;
        char *start = text, *end;
        while ((end = strchr(start, '\n'))) {
            long position, upTo;
            *end = 0;
            if (sscanf(start, "ok %ld %ld", &position, &upTo) != 2) {
                fprintf(stderr, "trickle: the receiver says %s\n", start);
                exit(1);
            }
            if (upTo >= line) return;
            start = end + 1;
        }
        held = (size_t)(text + held - start);
        memmove(text, start, held);
    }
}

/* A step of a device that no rule foretells, and by how many seconds it was read late. */
static unsigned chance(long device, long turn) {
    unsigned x = (unsigned)device * 2654435761u ^ (unsigned)turn * 2246822519u;
    x = (x ^ (x >> 15)) * 2246822519u;
    return (x ^ (x >> 13)) * 3266489917u >> 8;
}

static void *work(void *argument) {
    long worker = (long)argument, sent = 0;
    char *lines = malloc((size_t)readings * 64 + sizeof firstLine);
    int to = connects ? -1 : dial();
    if (!connects) sendAll(to, firstLine, sizeof firstLine - 1);
    for (long sending = worker; sending < sendings; sending += workers) {
        char *end = lines;
        double start = now();
        if (connects) {
            to = dial();
            end += sprintf(end, "%s", firstLine);
        }
        for (long i = 0; i < readings; i++) {
            long turn = connects ? 0 : sending / workers;
            long device = connects ? sending : worker * readings + i;
            unsigned draw = chance(device, turn);
            long value = 1000000 + device * 37 + turn * 600 + draw % 600;
            long second = 1735689600 + turn * 900 + draw / 600 % 9;
            end += sprintf(end, "meter,device=t%07ld value=%ldi %ld\n", device, value, second);
        }
        sendAll(to, lines, (size_t)(end - lines));
        sent = connects ? readings : sent + readings;
        await(to, sent);
        if (connects) close(to);
        seconds[sending] = now() - start;
    }
    if (!connects) close(to);
    free(lines);
    return NULL;
}

static int ascending(const void *a, const void *b) {
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

int main(int count, char **arguments) {
    if (count < 5) return fprintf(stderr, "trickle: see the beginning of trickle.c\n"), 64;
    port = atoi(arguments[1]);
    connects = !strcmp(arguments[2], "connection");
    sendings = atol(arguments[3]);
    readings = connects ? 1 : atol(arguments[4]);
    workers = atol(arguments[count - 1]);
    seconds = calloc((size_t)sendings + 1, sizeof *seconds);
    pthread_t *threads = calloc((size_t)workers, sizeof *threads);
    double start = now();
    for (long i = 0; i < workers; i++)
        if (pthread_create(&threads[i], NULL, work, (void *)i)) fail("trickle: thread");
    for (long i = 0; i < workers; i++) pthread_join(threads[i], NULL);
    double all = now() - start;
    qsort(seconds, (size_t)sendings, sizeof *seconds, ascending);
    printf("{\"sendings\":%ld,\"readings\":%ld,\"seconds\":%.6f,\"p50\":%.1f,\"p99\":%.1f}\n", sendings,
           sendings * readings, all, seconds[sendings / 2] * 1e6, seconds[sendings * 99 / 100] * 1e6);
    return 0;
}
