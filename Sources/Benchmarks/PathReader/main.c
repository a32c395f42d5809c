// The consumer at the end of a latency measurement: reads streams with XREAD and tells how old each packet is on arrival.
//
// The packets carry the time they were sent, as a number of 19 digits: 10^18 plus CLOCK_BOOTTIME in nanoseconds. Source and reader share a host.
//
// Several streams are read as consumers read them: by one connection for every 32, so that a packet wakes the one that waits for it.
//
// Usage: PathReader redis-socket warm-up-seconds seconds stream..
// Both times count from the first packet. Prints one JSON object: packets, p50_us, p99_us, p999_us, max_us.
#define _GNU_SOURCE
#include <errno.h>
#include <hiredis/hiredis.h>
#include <poll.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

static int64_t boot_nanoseconds(void) {
    struct timespec now;
    clock_gettime(CLOCK_BOOTTIME, &now);
    return (int64_t)now.tv_sec * 1000000000 + now.tv_nsec;
}

// The 19 digits that begin with 1, or 0.
static int64_t sent_at(const char *text, size_t length) {
    size_t run = 0;
    for (size_t i = 0; i <= length; i++) {
        if (i < length && text[i] >= '0' && text[i] <= '9') { run++; continue; }
        if (run == 19 && text[i - 19] == '1') return strtoll(text + i - 18, NULL, 10);
        run = 0;
    }
    return 0;
}

static int ascending(const void *left, const void *right) {
    int64_t a = *(const int64_t *)left, b = *(const int64_t *)right;
    return a < b ? -1 : a > b;
}

// Of one connection: its streams, the last id of each, and the command that reads on from there.
enum { STREAMS_PER_CONSUMER = 32, WORDS = 6 };
struct consumer {
    redisContext *redis;
    int streams;
    char **names;
    char ids[STREAMS_PER_CONSUMER][64];
    const char *command[WORDS + 2 * STREAMS_PER_CONSUMER];
};

static int64_t *ages;
static size_t room = 1 << 20, used;
static int64_t first, warm_up;

static void fail(const char *what) {
    fprintf(stderr, "PathReader: %s\n", what);
    exit(1);
}

static void ask(struct consumer *own) {
    redisAppendCommandArgv(own->redis, WORDS + 2 * own->streams, own->command, NULL);
    int done = 0;
    while (!done) {
        if (redisBufferWrite(own->redis, &done) != REDIS_OK) fail(own->redis->errstr);
    }
}

static void take(struct consumer *own, redisReply *reply, int64_t now) {
    if (reply->type == REDIS_REPLY_ERROR) fail(reply->str);
    for (size_t s = 0; s < reply->elements; s++) {
        redisReply *entries = reply->element[s]->element[1];
        for (int i = 0; i < own->streams; i++) {
            if (strcmp(own->names[i], reply->element[s]->element[0]->str) != 0 || entries->elements == 0) continue;
            snprintf(own->ids[i], sizeof own->ids[i], "%s", entries->element[entries->elements - 1]->element[0]->str);
        }
        for (size_t e = 0; e < entries->elements; e++) {
            redisReply *fields = entries->element[e]->element[1];
            for (size_t f = 0; f + 1 < fields->elements; f += 2) {
                if (strcmp(fields->element[f]->str, "data") != 0) continue;
                int64_t sent = sent_at(fields->element[f + 1]->str, fields->element[f + 1]->len);
                if (sent == 0) continue;
                if (first == 0) first = now;
                if (now - first < warm_up) continue;
                if (used == room) {
                    room *= 2;
                    ages = realloc(ages, room * sizeof *ages);
                    if (!ages) fail("no memory");
                }
                ages[used++] = now - sent;
            }
        }
    }
}

int main(int count, char **values) {
    if (count < 5) { fprintf(stderr, "usage: PathReader redis-socket warm-up-seconds seconds stream..\n"); return 2; }
    warm_up = (int64_t)(atof(values[2]) * 1e9);
    int64_t length = (int64_t)(atof(values[3]) * 1e9);
    int streams = count - 4, consumers = (streams + STREAMS_PER_CONSUMER - 1) / STREAMS_PER_CONSUMER;
    struct consumer *all = calloc((size_t)consumers, sizeof *all);
    struct pollfd *polled = calloc((size_t)consumers, sizeof *polled);
    ages = malloc(room * sizeof *ages);
    if (!all || !polled || !ages) fail("no memory");
    for (int c = 0; c < consumers; c++) {
        struct consumer *own = &all[c];
        own->redis = redisConnectUnix(values[1]);
        if (!own->redis || own->redis->err) fail(own->redis ? own->redis->errstr : "no memory");
        own->names = values + 4 + c * STREAMS_PER_CONSUMER;
        own->streams = streams - c * STREAMS_PER_CONSUMER < STREAMS_PER_CONSUMER ? streams - c * STREAMS_PER_CONSUMER : STREAMS_PER_CONSUMER;
        const char *words[WORDS] = {"XREAD", "COUNT", "1000", "BLOCK", "0", "STREAMS"};
        memcpy(own->command, words, sizeof words);
        for (int i = 0; i < own->streams; i++) {
            strcpy(own->ids[i], "0-0");
            own->command[WORDS + i] = own->names[i];
            own->command[WORDS + own->streams + i] = own->ids[i];
        }
        polled[c] = (struct pollfd){.fd = own->redis->fd, .events = POLLIN};
        ask(own);
    }
    int64_t began = boot_nanoseconds(), now = began;
    while (first == 0 ? now - began < 60000000000 : now - first < warm_up + length) {
        int ready = poll(polled, (nfds_t)consumers, 1000);
        if (ready < 0 && errno != EINTR) fail(strerror(errno));
        now = boot_nanoseconds();
        for (int c = 0; c < consumers && ready > 0; c++) {
            if (!polled[c].revents) continue;
            redisReply *reply = NULL;
            if (redisGetReply(all[c].redis, (void **)&reply) != REDIS_OK) fail(all[c].redis->errstr);
            now = boot_nanoseconds();
            take(&all[c], reply, now);
            freeReplyObject(reply);
            ask(&all[c]);
        }
    }
    if (used == 0) fail("no packet came");
    qsort(ages, used, sizeof *ages, ascending);
    printf("{\"packets\":%zu,\"p50_us\":%.1f,\"p99_us\":%.1f,\"p999_us\":%.1f,\"max_us\":%.1f}\n", used, (double)ages[used / 2] / 1e3,
        (double)ages[(size_t)((double)used * 0.99)] / 1e3, (double)ages[(size_t)((double)used * 0.999)] / 1e3, (double)ages[used - 1] / 1e3);
    return 0;
}
