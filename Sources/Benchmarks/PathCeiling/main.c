// The ceiling of the packet path: how many packets a second the publish function takes when a C program feeds it.
//
// The lease is held and live already; the program sends batches as a worker does (the same arguments, at most 8 batches in flight) and does
// nothing else: no websocket, no fields, no ring. No two payloads are alike, as no two packets are: Redis keeps a string that it has seen already, and
// is spared a copy of it.
//
// Usage: PathCeiling redis-socket lease control registry stream token epoch first-ms bytes batch count
// Prints one JSON object: packets, wall_s.
#define _GNU_SOURCE
#include "PathWire.h"
#include <errno.h>
#include <hiredis/hiredis.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

enum { IN_FLIGHT = 8 };

static void write_all(int to, const char *bytes, size_t length) {
    while (length > 0) {
        ssize_t put = write(to, bytes, length);
        if (put < 0) {
            if (errno == EINTR) continue;
            fprintf(stderr, "PathCeiling: writing to Redis: %s\n", strerror(errno));
            exit(1);
        }
        bytes += put;
        length -= (size_t)put;
    }
}

// Writes the number into the payload's first digits.
static void number_payload(char *payload, size_t bytes, unsigned long long number) {
    for (size_t place = bytes < 12 ? bytes : 12; place-- > 0; number /= 10) payload[place] = (char)('0' + number % 10);
}

int main(int count, char **values) {
    if (count != 12) {
        fprintf(stderr, "usage: PathCeiling redis-socket lease control registry stream token epoch first-ms bytes batch count\n");
        return 2;
    }
    const char *lease = values[2], *control = values[3], *registry = values[4], *stream = values[5], *token = values[6], *epoch = values[7];
    unsigned long long ms = strtoull(values[8], NULL, 10);
    size_t bytes = strtoul(values[9], NULL, 10), batch = strtoul(values[10], NULL, 10);
    long long wanted = atoll(values[11]), sent = 0;
    if (bytes == 0 || batch == 0 || wanted <= 0) { fprintf(stderr, "PathCeiling: bytes, batch and count are at least 1\n"); return 2; }
    redisContext *redis = redisConnectUnix(values[1]);
    if (!redis || redis->err) { fprintf(stderr, "PathCeiling: Redis: %s\n", redis ? redis->errstr : "no memory"); return 1; }
    char *payload = malloc(bytes), *output = malloc(4096 + batch * (bytes + 256));
    if (!payload || !output) { fprintf(stderr, "PathCeiling: no memory\n"); return 1; }
    memset(payload, 'x', bytes);

    struct timespec wall;
    clock_gettime(CLOCK_REALTIME, &wall);
    unsigned long long receipt = (unsigned long long)wall.tv_sec * 1000000000ULL + (unsigned long long)wall.tv_nsec;
    double started = path_seconds();
    long long answered = 0;
    int in_flight = 0;
    while (answered < wanted) {
        while (in_flight < IN_FLIGHT && sent < wanted) {
            size_t packets = batch;
            if ((long long)packets > wanted - sent) packets = (size_t)(wanted - sent);
            char *at = output;
            at = path_head(at, '*', 3 + 4 + 4 + 5 * packets);
            at = path_bulk_text(at, "FCALL");
            at = path_bulk_text(at, "colony1_publish");
            at = path_bulk_text(at, "4");
            at = path_bulk_text(at, lease);
            at = path_bulk_text(at, control);
            at = path_bulk_text(at, registry);
            at = path_bulk_text(at, stream);
            at = path_bulk_text(at, token);
            at = path_bulk_number(at, (unsigned long long)sent + 1);
            at = path_bulk_text(at, "10000");
            at = path_bulk_text(at, "10000");
            for (size_t i = 0; i < packets; i++) {
                char id[80];
                int length = 0;
                char *end = path_number(id, ms);
                *end++ = '-';
                length = (int)(end - id);
                size_t digits = strlen(epoch);
                memcpy(id + length, epoch, digits);
                length += (int)digits;
                unsigned long long sequence = (unsigned long long)sent + 1;
                for (int place = 11; place >= 0; place--) { id[length + place] = (char)('0' + sequence % 10); sequence /= 10; }
                at = path_bulk_text(at, "1");
                at = path_bulk(at, id, (size_t)length + 12);
                at = path_bulk_number(at, receipt);
                at = path_bulk_number(at, (unsigned long long)sent);
                number_payload(payload, bytes, (unsigned long long)sent);
                at = path_bulk(at, payload, bytes);
                sent++;
            }
            write_all(redis->fd, output, (size_t)(at - output));
            in_flight++;
        }
        redisReply *reply = NULL;
        if (redisGetReply(redis, (void **)&reply) != REDIS_OK) { fprintf(stderr, "PathCeiling: %s\n", redis->errstr); return 1; }
        if (reply->type != REDIS_REPLY_ARRAY || reply->elements != 2 || strcmp(reply->element[0]->str, "1") != 0) {
            const char *what = reply->type == REDIS_REPLY_ERROR ? reply->str : reply->elements > 1 ? reply->element[1]->str : "?";
            fprintf(stderr, "PathCeiling: publish answered %s\n", what);
            return 1;
        }
        answered = atoll(reply->element[1]->str) - 1;
        freeReplyObject(reply);
        in_flight--;
    }
    printf("{\"packets\":%lld,\"wall_s\":%.4f}\n", answered, path_seconds() - started);
    redisFree(redis);
    free(payload);
    free(output);
    return 0;
}
