// The yardstick of the packet path: what a careful C program costs that does the same work.
//
// One websocket (plain, or TLS through OpenSSL) -> one Redis connection, epoll, one read burst becomes one pipelined write. Every message is
// appended with XADD key MAXLEN ~ 10000 * time <ns> data <payload>. Two encoders: hiredis' own, or the Redis protocol written by hand.
//
// Usage: PathBaseline host port path subscribe-text redis-socket stream count hiredis|resp [ca-file]
// Prints one JSON object: packets, wall_s, cpu_user_s, cpu_sys_s, us_per_packet, maxrss_kb.
#define _GNU_SOURCE
#include "PathWire.h"
#include <errno.h>
#include <fcntl.h>
#include <hiredis/hiredis.h>
#include <netdb.h>
#include <netinet/tcp.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

static void die(const char *what) {
    fprintf(stderr, "PathBaseline: %s: %s\n", what, strerror(errno));
    exit(1);
}

static long long wall_nanoseconds(void) {
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    return (long long)now.tv_sec * 1000000000LL + now.tv_nsec;
}

// The highest resident memory since this program was started; ru_maxrss remembers the program that started it.
static long peak_kilobytes(void) {
    FILE *status = fopen("/proc/self/status", "r");
    char line[256];
    long peak = 0;
    while (status && fgets(line, sizeof line, status)) {
        if (sscanf(line, "VmHWM: %ld kB", &peak) == 1) break;
    }
    if (status) fclose(status);
    return peak;
}

// MARK: The websocket

static int web_socket;
static SSL *tls;
static unsigned char input[1 << 17];
static size_t input_used;

static ssize_t web_read(void *to, size_t room) {
    if (!tls) return read(web_socket, to, room);
    ERR_clear_error();
    int got = SSL_read(tls, to, (int)room);
    if (got > 0) return got;
    int why = SSL_get_error(tls, got);
    if (why == SSL_ERROR_WANT_READ || why == SSL_ERROR_WANT_WRITE) { errno = EAGAIN; return -1; }
    return 0;
}

static void web_write(const void *from, size_t count) {
    const char *at = from;
    while (count > 0) {
        ssize_t put = tls ? SSL_write(tls, at, (int)count) : write(web_socket, at, count);
        if (put <= 0) {
            if (errno == EAGAIN || errno == EINTR || tls) continue;
            die("writing to the websocket");
        }
        at += put;
        count -= (size_t)put;
    }
}

static void web_frame(unsigned char opcode, const void *payload, size_t length) {
    unsigned char frame[4096 + 8];
    size_t at = 0;
    if (length > 4096) { fprintf(stderr, "PathBaseline: message too long to send\n"); exit(1); }
    frame[at++] = 0x80 | opcode;
    if (length < 126) frame[at++] = 0x80 | (unsigned char)length;
    else { frame[at++] = 0x80 | 126; frame[at++] = (unsigned char)(length >> 8); frame[at++] = (unsigned char)length; }
    memset(frame + at, 0, 4);  // A mask of zeros leaves the payload as it is.
    at += 4;
    memcpy(frame + at, payload, length);
    web_write(frame, at + length);
}

static void web_open(const char *host, const char *port, const char *path, const char *authorities) {
    struct addrinfo hints = {.ai_socktype = SOCK_STREAM}, *found;
    if (getaddrinfo(host, port, &hints, &found) != 0) die("resolving the host");
    web_socket = -1;
    for (struct addrinfo *at = found; at; at = at->ai_next) {
        web_socket = socket(at->ai_family, at->ai_socktype, at->ai_protocol);
        if (web_socket >= 0 && connect(web_socket, at->ai_addr, at->ai_addrlen) == 0) break;
        if (web_socket >= 0) close(web_socket);
        web_socket = -1;
    }
    freeaddrinfo(found);
    if (web_socket < 0) die("connecting");
    int on = 1;
    setsockopt(web_socket, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    if (authorities) {
        SSL_CTX *context = SSL_CTX_new(TLS_client_method());
        if (!context || SSL_CTX_load_verify_locations(context, authorities, NULL) != 1) { fprintf(stderr, "PathBaseline: cannot read %s\n", authorities); exit(1); }
        SSL_CTX_set_verify(context, SSL_VERIFY_PEER, NULL);
        SSL_CTX_set_read_ahead(context, 1);
        SSL_CTX_set_default_read_buffer_len(context, 1 << 16);
        tls = SSL_new(context);
        SSL_set_tlsext_host_name(tls, host);
        SSL_set1_host(tls, host);
        SSL_set_fd(tls, web_socket);
        if (SSL_connect(tls) != 1) { ERR_print_errors_fp(stderr); exit(1); }
    }
    char request[1024];
    int length = snprintf(request, sizeof request,
        "GET %s HTTP/1.1\r\nHost: %s:%s\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
        "Sec-WebSocket-Version: 13\r\n\r\n", path, host, port);
    web_write(request, (size_t)length);
    for (;;) {
        ssize_t got = web_read(input + input_used, sizeof input - input_used);
        if (got <= 0) die("reading the answer to the upgrade");
        input_used += (size_t)got;
        unsigned char *end = memmem(input, input_used, "\r\n\r\n", 4);
        if (!end) continue;
        if (input_used < 12 || memcmp(input + 9, "101", 3) != 0) { fprintf(stderr, "PathBaseline: upgrade refused: %.60s\n", input); exit(1); }
        size_t head = (size_t)(end + 4 - input);
        memmove(input, input + head, input_used - head);
        input_used -= head;
        break;
    }
    fcntl(web_socket, F_SETFL, fcntl(web_socket, F_GETFL) | O_NONBLOCK);
}

// MARK: Redis

static redisContext *redis;
static const char *stream;
static size_t stream_length;
static int by_hand;
static char *output;
static size_t output_used, output_sent, output_room;
static long appended, answered;

static void append(const unsigned char *payload, size_t length, const char *time_text, size_t time_length) {
    appended++;
    if (!by_hand) {
        const char *arguments[] = {"XADD", stream, "MAXLEN", "~", "10000", "*", "time", time_text, "data", (const char *)payload};
        size_t lengths[] = {4, stream_length, 6, 1, 5, 1, 4, time_length, 4, length};
        redisAppendCommandArgv(redis, 10, arguments, lengths);
        return;
    }
    if (output_used + length + 256 > output_room) {
        output_room = (output_used + length + 256) * 2;
        output = realloc(output, output_room);
        if (!output) die("memory");
    }
    char *at = output + output_used;
    static const char before[] = "*10\r\n$4\r\nXADD\r\n";
    static const char between[] = "$6\r\nMAXLEN\r\n$1\r\n~\r\n$5\r\n10000\r\n$1\r\n*\r\n$4\r\ntime\r\n";
    memcpy(at, before, sizeof before - 1); at += sizeof before - 1;
    at = path_bulk(at, stream, stream_length);
    memcpy(at, between, sizeof between - 1); at += sizeof between - 1;
    at = path_bulk(at, time_text, time_length);
    memcpy(at, "$4\r\ndata\r\n", 10); at += 10;
    at = path_bulk(at, payload, length);
    output_used = (size_t)(at - output);
}

// Writes what the socket takes; true when nothing is left.
static int flush_redis(void) {
    if (!by_hand) {
        int done = 0;
        while (!done) {
            if (redisBufferWrite(redis, &done) != REDIS_OK) { fprintf(stderr, "PathBaseline: %s\n", redis->errstr); exit(1); }
            if (!done) return 0;
        }
        return 1;
    }
    while (output_sent < output_used) {
        ssize_t put = write(redis->fd, output + output_sent, output_used - output_sent);
        if (put < 0) {
            if (errno == EAGAIN) return 0;
            die("writing to Redis");
        }
        output_sent += (size_t)put;
    }
    output_sent = output_used = 0;
    return 1;
}

static void read_replies(void) {
    if (redisBufferRead(redis) != REDIS_OK) { fprintf(stderr, "PathBaseline: %s\n", redis->errstr); exit(1); }
    for (;;) {
        void *reply = NULL;
        if (redisGetReplyFromReader(redis, &reply) != REDIS_OK) { fprintf(stderr, "PathBaseline: %s\n", redis->errstr); exit(1); }
        if (!reply) return;
        if (((redisReply *)reply)->type == REDIS_REPLY_ERROR) { fprintf(stderr, "PathBaseline: %s\n", ((redisReply *)reply)->str); exit(1); }
        freeReplyObject(reply);
        answered++;
    }
}

// MARK: The loop

// Takes the whole frames of the input; returns the number of data messages.
static void take_frames(void) {
    size_t at = 0;
    char time_text[24];
    size_t time_length = (size_t)(path_number(time_text, (unsigned long long)wall_nanoseconds()) - time_text);
    while (input_used - at >= 2) {
        unsigned char *frame = input + at;
        size_t head = 2, length = frame[1] & 0x7f;
        if (length == 126) {
            if (input_used - at < 4) break;
            length = (size_t)frame[2] << 8 | frame[3];
            head = 4;
        } else if (length == 127) {
            if (input_used - at < 10) break;
            length = 0;
            for (int i = 2; i < 10; i++) length = length << 8 | frame[i];
            head = 10;
        }
        if (head + length > sizeof input) { fprintf(stderr, "PathBaseline: frame too large\n"); exit(1); }
        if (input_used - at < head + length) break;
        switch (frame[0] & 0x0f) {
            case 1: case 2: append(frame + head, length, time_text, time_length); break;
            case 9: web_frame(10, frame + head, length); break;
            case 8: fprintf(stderr, "PathBaseline: closed by the server\n"); exit(1);
            default: break;
        }
        at += head + length;
    }
    if (at > 0) {
        memmove(input, input + at, input_used - at);
        input_used -= at;
    }
}

int main(int count, char **values) {
    if (count < 9) {
        fprintf(stderr, "usage: PathBaseline host port path subscribe-text redis-socket stream count hiredis|resp [ca-file]\n");
        return 2;
    }
    stream = values[6];
    stream_length = strlen(stream);
    long wanted = atol(values[7]);
    by_hand = strcmp(values[8], "resp") == 0;
    redis = redisConnectUnix(values[5]);
    if (!redis || redis->err) { fprintf(stderr, "PathBaseline: Redis: %s\n", redis ? redis->errstr : "no memory"); return 1; }
    fcntl(redis->fd, F_SETFL, fcntl(redis->fd, F_GETFL) | O_NONBLOCK);
    redis->flags &= ~REDIS_BLOCK;
    web_open(values[1], values[2], values[3], count > 9 ? values[9] : NULL);
    if (*values[4]) web_frame(1, values[4], strlen(values[4]));

    int poll = epoll_create1(EPOLL_CLOEXEC);
    struct epoll_event web = {.events = EPOLLIN, .data.fd = web_socket}, base = {.events = EPOLLIN, .data.fd = redis->fd};
    epoll_ctl(poll, EPOLL_CTL_ADD, web_socket, &web);
    epoll_ctl(poll, EPOLL_CTL_ADD, redis->fd, &base);
    int waits_for_redis = 0, reads_web = 1;
    double started = 0;
    while (answered < wanted) {
        struct epoll_event events[2];
        int ready = epoll_wait(poll, events, 2, 10000);
        if (ready == 0) { fprintf(stderr, "PathBaseline: nothing for 10 s after %ld packets\n", answered); return 1; }
        for (int i = 0; i < ready; i++) {
            if (events[i].data.fd == redis->fd) {
                if (events[i].events & EPOLLIN) read_replies();
            } else {
                // Under TLS one read gives one record; take all that are there.
                for (int turn = 0; turn < 64; turn++) {
                    ssize_t got = web_read(input + input_used, sizeof input - input_used);
                    if (got == 0) { fprintf(stderr, "PathBaseline: the websocket ended after %ld packets\n", appended); return 1; }
                    if (got < 0) break;
                    if (started == 0) started = path_seconds();
                    input_used += (size_t)got;
                    take_frames();
                    if (!tls) break;
                }
            }
        }
        int done = flush_redis();
        // Redis is behind: leave the messages with the exchange's socket.
        int wants_web = appended - answered < 20000;
        if (done == waits_for_redis) {
            waits_for_redis = !done;
            base.events = waits_for_redis ? EPOLLIN | EPOLLOUT : EPOLLIN;
            epoll_ctl(poll, EPOLL_CTL_MOD, redis->fd, &base);
        }
        if (wants_web != reads_web) {
            reads_web = wants_web;
            web.events = reads_web ? EPOLLIN : 0;
            epoll_ctl(poll, EPOLL_CTL_MOD, web_socket, &web);
        }
    }
    double wall = path_seconds() - started;
    struct rusage usage;
    getrusage(RUSAGE_SELF, &usage);
    double user = (double)usage.ru_utime.tv_sec + (double)usage.ru_utime.tv_usec / 1e6;
    double system = (double)usage.ru_stime.tv_sec + (double)usage.ru_stime.tv_usec / 1e6;
    printf("{\"packets\":%ld,\"wall_s\":%.4f,\"cpu_user_s\":%.4f,\"cpu_sys_s\":%.4f,\"us_per_packet\":%.4f,\"maxrss_kb\":%ld}\n", answered, wall,
        user, system, (user + system) * 1e6 / (double)answered, peak_kilobytes());
    return 0;
}
