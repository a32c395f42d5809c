// The consumer at the end of a latency measurement: reads streams with XREAD and tells how old each packet is on arrival.
//
// The packets carry the time they were sent, as a number of 19 digits: 10^18 plus CLOCK_BOOTTIME in nanoseconds. Source and reader share a host.
//
// Usage: PathReader redis-socket warm-up-seconds seconds stream..
// Both times count from the first packet. Prints one JSON object: packets, p50_us, p99_us, p999_us, max_us.
#define _GNU_SOURCE
#include <errno.h>
#include <hiredis/hiredis.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/time.h>
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

int main(int count, char **values) {
    if (count < 5) { fprintf(stderr, "usage: PathReader redis-socket warm-up-seconds seconds stream..\n"); return 2; }
    int64_t warm_up = (int64_t)(atof(values[2]) * 1e9), length = (int64_t)(atof(values[3]) * 1e9);
    int streams = count - 4;
    redisContext *redis = redisConnectUnix(values[1]);
    if (!redis || redis->err) { fprintf(stderr, "PathReader: Redis: %s\n", redis ? redis->errstr : "no memory"); return 1; }
    redisSetTimeout(redis, (struct timeval){.tv_sec = 60});
    size_t room = 1 << 20, used = 0;
    int64_t *ages = malloc(room * sizeof *ages);
    const char **command = malloc((size_t)(6 + 2 * streams) * sizeof *command);
    char (*ids)[64] = malloc((size_t)streams * sizeof *ids);
    if (!ages || !command || !ids) { fprintf(stderr, "PathReader: no memory\n"); return 1; }
    const char *words[] = {"XREAD", "COUNT", "1000", "BLOCK", "5000", "STREAMS"};
    memcpy(command, words, sizeof words);
    for (int i = 0; i < streams; i++) {
        command[6 + i] = values[4 + i];
        strcpy(ids[i], "0-0");
        command[6 + streams + i] = ids[i];
    }
    int64_t first = 0, now = boot_nanoseconds(), began = now;
    while (first == 0 ? now - began < 40000000000 : now - first < warm_up + length) {
        redisReply *reply = redisCommandArgv(redis, 6 + 2 * streams, command, NULL);
        now = boot_nanoseconds();
        if (!reply) { fprintf(stderr, "PathReader: %s\n", redis->errstr); return 1; }
        if (reply->type == REDIS_REPLY_ERROR) { fprintf(stderr, "PathReader: %s\n", reply->str); return 1; }
        for (size_t s = 0; s < reply->elements; s++) {
            redisReply *entries = reply->element[s]->element[1];
            for (int i = 0; i < streams; i++) {
                if (strcmp(values[4 + i], reply->element[s]->element[0]->str) != 0 || entries->elements == 0) continue;
                snprintf(ids[i], sizeof ids[i], "%s", entries->element[entries->elements - 1]->element[0]->str);
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
                        if (!ages) { fprintf(stderr, "PathReader: no memory\n"); return 1; }
                    }
                    ages[used++] = now - sent;
                }
            }
        }
        freeReplyObject(reply);
    }
    if (used == 0) { fprintf(stderr, "PathReader: no packet came\n"); return 1; }
    qsort(ages, used, sizeof *ages, ascending);
    printf("{\"packets\":%zu,\"p50_us\":%.1f,\"p99_us\":%.1f,\"p999_us\":%.1f,\"max_us\":%.1f}\n", used, (double)ages[used / 2] / 1e3,
        (double)ages[(size_t)((double)used * 0.99)] / 1e3, (double)ages[(size_t)((double)used * 0.999)] / 1e3, (double)ages[used - 1] / 1e3);
    redisFree(redis);
    free(ages);
    free(command);
    free(ids);
    return 0;
}
