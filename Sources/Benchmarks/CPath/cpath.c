// The yardstick: websocket in, XADD out, written by hand in C with epoll.
//
//   cc -O2 -Wall -Wextra cpath.c -o cpath -lhiredis -lssl -lcrypto
//   cpath ws://127.0.0.1:8080/path --redis /tmp/redis.sock --stream bench --messages 100000 [--subscribe TEXT] [--raw] [--maxlen 10000]
//   cpath wss://localhost:8443/ --roots ca.pem --redis 127.0.0.1:6379 ...
//
// One read burst becomes one batch of pipelined commands and one write. --raw writes RESP by hand, otherwise hiredis encodes.
// Prints one JSON object; CPU and wall time run from the first message to the last reply. Exits 0, 1 (failed) or 2 (called wrongly).

#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <hiredis/hiredis.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/rand.h>
#include <openssl/sha.h>
#include <openssl/ssl.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

enum { READ_BYTES = 256 * 1024, MAX_MESSAGE = 16 * 1024 * 1024, MAX_IN_FLIGHT = 32768, MAX_OUTPUT = 8 * 1024 * 1024 };

typedef struct {
    char *bytes;
    size_t start, end, capacity;
} Buffer;

static struct {
    // options
    bool tls, raw;
    char host[256], port[8], path[1024];
    const char *redis, *stream, *subscribe, *roots;
    long messages, maxlen;
    // websocket
    int socket;
    SSL *ssl;
    Buffer input, output, fragments;
    int fragment_opcode;
    bool ended;
    // Redis
    int redis_socket;
    redisContext *hiredis;
    Buffer commands, replies;
    char head[512], number[24];
    size_t head_length;
    // counts
    long received, acknowledged;
    uint64_t payload_bytes;
    struct timespec first;
    struct rusage first_usage;
} S;

static void die(const char *format, ...) {
    va_list arguments;
    va_start(arguments, format);
    fputs("cpath: ", stderr);
    vfprintf(stderr, format, arguments);
    fputc('\n', stderr);
    va_end(arguments);
    exit(1);
}

// Buffers ------------------------------------------------------------------------------------------------------------------

static char *reserve(Buffer *buffer, size_t room) {
    if (buffer->start == buffer->end) buffer->start = buffer->end = 0;
    if (buffer->capacity - buffer->end < room) {
        size_t held = buffer->end - buffer->start;
        if (buffer->start > 0) memmove(buffer->bytes, buffer->bytes + buffer->start, held);
        buffer->start = 0;
        buffer->end = held;
        if (buffer->capacity - held < room) {
            size_t capacity = buffer->capacity ? buffer->capacity : 4096;
            while (capacity - held < room) capacity *= 2;
            buffer->bytes = realloc(buffer->bytes, capacity);
            if (!buffer->bytes) die("out of memory at %zu bytes", capacity);
            buffer->capacity = capacity;
        }
    }
    return buffer->bytes + buffer->end;
}

static void append(Buffer *buffer, const void *bytes, size_t length) {
    if (length == 0) return;
    memcpy(reserve(buffer, length), bytes, length);
    buffer->end += length;
}

static size_t length_of(const Buffer *buffer) { return buffer->end - buffer->start; }

// Connecting (blocking; only the loop is not) --------------------------------------------------------------------------------

static int connect_tcp(const char *host, const char *port) {
    struct addrinfo hints = {.ai_socktype = SOCK_STREAM}, *list;
    int failure = getaddrinfo(host, port, &hints, &list);
    if (failure) die("cannot resolve %s: %s", host, gai_strerror(failure));
    for (struct addrinfo *entry = list; entry; entry = entry->ai_next) {
        int fd = socket(entry->ai_family, entry->ai_socktype | SOCK_CLOEXEC, entry->ai_protocol);
        if (fd < 0) continue;
        if (connect(fd, entry->ai_addr, entry->ai_addrlen) == 0) {
            int one = 1;
            setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
            freeaddrinfo(list);
            return fd;
        }
        close(fd);
    }
    die("cannot connect to %s:%s: %s", host, port, strerror(errno));
    return -1;
}

static void set_nonblocking(int fd) {
    int flags = fcntl(fd, F_GETFL);
    if (flags < 0 || fcntl(fd, F_SETFL, flags | O_NONBLOCK) < 0) die("fcntl: %s", strerror(errno));
}

static void start_tls(void) {
    SSL_CTX *context = SSL_CTX_new(TLS_client_method());
    if (!context) die("no TLS context");
    SSL_CTX_set_verify(context, SSL_VERIFY_PEER, NULL);
    SSL_CTX_set_min_proto_version(context, TLS1_2_VERSION);
    int loaded = S.roots ? SSL_CTX_load_verify_locations(context, S.roots, NULL) : SSL_CTX_set_default_verify_paths(context);
    if (loaded != 1) die("cannot load the authorities of %s", S.roots ? S.roots : "the system");
    // Without reading ahead OpenSSL makes two system calls a record.
    SSL_CTX_set_read_ahead(context, 1);
    SSL_CTX_set_default_read_buffer_len(context, 64 * 1024);
    SSL_CTX_set_mode(context, SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER | SSL_MODE_RELEASE_BUFFERS);
    S.ssl = SSL_new(context);
    SSL_set_fd(S.ssl, S.socket);
    SSL_set_tlsext_host_name(S.ssl, S.host);
    SSL_set1_host(S.ssl, S.host);
    if (SSL_connect(S.ssl) != 1)
        die("TLS with %s failed: %s (%s)", S.host, X509_verify_cert_error_string(SSL_get_verify_result(S.ssl)),
            ERR_error_string(ERR_get_error(), NULL));
}

// Bytes read; 0 for nothing now; -1 for the end.
static ssize_t read_some(char *bytes, size_t room) {
    if (S.ssl) {
        int count = SSL_read(S.ssl, bytes, (int)room);
        if (count > 0) return count;
        int error = SSL_get_error(S.ssl, count);
        return error == SSL_ERROR_WANT_READ || error == SSL_ERROR_WANT_WRITE ? 0 : -1;
    }
    ssize_t count = read(S.socket, bytes, room);
    if (count > 0) return count;
    return count < 0 && (errno == EAGAIN || errno == EINTR) ? 0 : -1;
}

// Writes what goes; the rest waits for the socket.
static void flush_websocket(void) {
    while (length_of(&S.output)) {
        ssize_t count;
        if (S.ssl) {
            int written = SSL_write(S.ssl, S.output.bytes + S.output.start, (int)length_of(&S.output));
            if (written <= 0) {
                int error = SSL_get_error(S.ssl, written);
                if (error == SSL_ERROR_WANT_READ || error == SSL_ERROR_WANT_WRITE) return;
                die("writing to the websocket failed");
            }
            count = written;
        } else {
            count = send(S.socket, S.output.bytes + S.output.start, length_of(&S.output), MSG_NOSIGNAL);
            if (count < 0) {
                if (errno == EINTR) continue;
                if (errno == EAGAIN) return;
                die("writing to the websocket failed: %s", strerror(errno));
            }
        }
        S.output.start += (size_t)count;
    }
}

static void upgrade(void) {
    unsigned char nonce[16], digest[SHA_DIGEST_LENGTH];
    char key[32], expected[64], text[256];
    if (RAND_bytes(nonce, sizeof nonce) != 1) die("no random bytes");
    EVP_EncodeBlock((unsigned char *)key, nonce, sizeof nonce);
    int length = snprintf(text, sizeof text, "%s258EAFA5-E914-47DA-95CA-C5AB0DC85B11", key);
    SHA1((unsigned char *)text, (size_t)length, digest);
    EVP_EncodeBlock((unsigned char *)expected, digest, sizeof digest);

    char request[2048];
    length = snprintf(request, sizeof request,
        "GET %s HTTP/1.1\r\nHost: %s:%s\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Key: %s\r\n"
        "Sec-WebSocket-Version: 13\r\n\r\n", S.path, S.host, S.port, key);
    append(&S.output, request, (size_t)length);
    flush_websocket();

    char *end;
    for (;;) {
        char *room = reserve(&S.input, 4096);
        ssize_t count = read_some(room, 4096);
        if (count < 0) die("the server closed during the upgrade");
        S.input.end += (size_t)count;
        end = memmem(S.input.bytes + S.input.start, length_of(&S.input), "\r\n\r\n", 4);
        if (end) break;
        if (length_of(&S.input) > 64 * 1024) die("the answer to the upgrade is larger than 64 KiB");
    }
    end[2] = 0;
    char *answer = S.input.bytes + S.input.start;
    if (strncmp(answer, "HTTP/1.1 101", 12)) die("the upgrade was refused: %.*s", (int)strcspn(answer, "\r"), answer);
    char *accept = strcasestr(answer, "\r\nsec-websocket-accept:");
    if (!accept) die("the upgrade was answered without Sec-WebSocket-Accept");
    accept += strlen("\r\nsec-websocket-accept:");
    while (*accept == ' ') accept++;
    if (strncmp(accept, expected, strlen(expected))) die("the upgrade was answered with a wrong Sec-WebSocket-Accept");
    S.input.start = (size_t)(end + 4 - S.input.bytes);
}

// A masked frame, as clients must send them.
static void send_frame(int opcode, const char *payload, size_t length) {
    unsigned char header[14], mask[4];
    size_t used = 2;
    header[0] = (unsigned char)(0x80 | opcode);
    if (length < 126) {
        header[1] = (unsigned char)(0x80 | length);
    } else if (length < 65536) {
        header[1] = 0x80 | 126;
        header[2] = (unsigned char)(length >> 8);
        header[3] = (unsigned char)length;
        used = 4;
    } else {
        header[1] = 0x80 | 127;
        for (int at = 0; at < 8; at++) header[2 + at] = (unsigned char)((uint64_t)length >> (56 - 8 * at));
        used = 10;
    }
    if (RAND_bytes(mask, sizeof mask) != 1) die("no random bytes");
    memcpy(header + used, mask, 4);
    append(&S.output, header, used + 4);
    char *out = reserve(&S.output, length);
    for (size_t at = 0; at < length; at++) out[at] = payload[at] ^ (char)mask[at & 3];
    S.output.end += length;
}

// Redis -----------------------------------------------------------------------------------------------------------------------

static void connect_redis(void) {
    const char *colon = strrchr(S.redis, ':');
    char host[256] = "";
    if (S.redis[0] != '/') {
        if (!colon || (size_t)(colon - S.redis) >= sizeof host) die("--redis needs HOST:PORT or the path of a socket");
        memcpy(host, S.redis, (size_t)(colon - S.redis));
    }
    if (S.raw) {
        if (host[0]) {
            S.redis_socket = connect_tcp(host, colon + 1);
        } else {
            struct sockaddr_un address = {.sun_family = AF_UNIX};
            if (strlen(S.redis) >= sizeof address.sun_path) die("the path of the socket is too long");
            strcpy(address.sun_path, S.redis);
            S.redis_socket = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
            if (S.redis_socket < 0 || connect(S.redis_socket, (struct sockaddr *)&address, sizeof address) < 0)
                die("cannot connect to %s: %s", S.redis, strerror(errno));
        }
        S.head_length = (size_t)snprintf(S.head, sizeof S.head,
            "*10\r\n$4\r\nXADD\r\n$%zu\r\n%s\r\n$6\r\nMAXLEN\r\n$1\r\n~\r\n$%zu\r\n%s\r\n$1\r\n*\r\n$4\r\ntime\r\n$19\r\n",
            strlen(S.stream), S.stream, strlen(S.number), S.number);
        if (S.head_length >= sizeof S.head) die("the name of the stream is too long");
    } else {
        S.hiredis = host[0] ? redisConnect(host, atoi(colon + 1)) : redisConnectUnix(S.redis);
        if (!S.hiredis || S.hiredis->err) die("cannot connect to %s: %s", S.redis, S.hiredis ? S.hiredis->errstr : "out of memory");
        if (host[0]) {
            int one = 1;
            setsockopt(S.hiredis->fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
        }
        S.hiredis->flags &= ~REDIS_BLOCK;
        S.redis_socket = S.hiredis->fd;
    }
    set_nonblocking(S.redis_socket);
}

// `time` has 19 digits.
static void add(const char *time, const char *payload, size_t length) {
    if (S.raw) {
        char *out = reserve(&S.commands, S.head_length + length + 80), *begin = out;
        memcpy(out, S.head, S.head_length);
        out += S.head_length;
        memcpy(out, time, 19);
        out += 19;
        memcpy(out, "\r\n$4\r\ndata\r\n$", 13);
        out += 13;
        char digits[20];
        int count = 0;
        size_t rest = length;
        do digits[count++] = (char)('0' + rest % 10); while (rest /= 10);
        while (count) *out++ = digits[--count];
        *out++ = '\r';
        *out++ = '\n';
        memcpy(out, payload, length);
        out += length;
        *out++ = '\r';
        *out++ = '\n';
        S.commands.end += (size_t)(out - begin);
    } else {
        const char *arguments[] = {"XADD", S.stream, "MAXLEN", "~", S.number, "*", "time", time, "data", payload};
        const size_t lengths[] = {4, strlen(S.stream), 6, 1, strlen(S.number), 1, 4, 19, 4, length};
        if (redisAppendCommandArgv(S.hiredis, 10, arguments, lengths) != REDIS_OK) die("hiredis: %s", S.hiredis->errstr);
    }
}

// True if everything is written.
static bool flush_redis(void) {
    if (!S.raw) {
        int done = 0;
        if (redisBufferWrite(S.hiredis, &done) != REDIS_OK) die("writing to Redis failed: %s", S.hiredis->errstr);
        return done;
    }
    while (length_of(&S.commands)) {
        ssize_t count = send(S.redis_socket, S.commands.bytes + S.commands.start, length_of(&S.commands), MSG_NOSIGNAL);
        if (count < 0) {
            if (errno == EINTR) continue;
            if (errno == EAGAIN) return false;
            die("writing to Redis failed: %s", strerror(errno));
        }
        S.commands.start += (size_t)count;
    }
    return true;
}

// XADD answers `$<length>\r\n<id>\r\n`, or `-<error>\r\n`.
static void parse_replies(void) {
    while (length_of(&S.replies)) {
        char *begin = S.replies.bytes + S.replies.start;
        char *line = memchr(begin, '\n', length_of(&S.replies));
        if (!line) return;
        if (*begin != '$') die("Redis answered: %.*s", (int)(line - begin), begin);
        size_t whole = (size_t)(line + 1 - begin) + (size_t)strtol(begin + 1, NULL, 10) + 2;
        if (length_of(&S.replies) < whole) return;
        S.replies.start += whole;
        S.acknowledged++;
    }
}

static void read_redis(void) {
    if (S.raw) {
        ssize_t count = read(S.redis_socket, reserve(&S.replies, READ_BYTES), READ_BYTES);
        if (count == 0) die("Redis closed the connection");
        if (count < 0) {
            if (errno == EAGAIN || errno == EINTR) return;
            die("reading from Redis failed: %s", strerror(errno));
        }
        S.replies.end += (size_t)count;
        parse_replies();
        return;
    }
    if (redisBufferRead(S.hiredis) != REDIS_OK) die("reading from Redis failed: %s", S.hiredis->errstr);
    for (;;) {
        redisReply *reply = NULL;
        if (redisGetReplyFromReader(S.hiredis, (void **)&reply) != REDIS_OK) die("hiredis: %s", S.hiredis->errstr);
        if (!reply) return;
        if (reply->type == REDIS_REPLY_ERROR) die("Redis answered: %s", reply->str);
        freeReplyObject(reply);
        S.acknowledged++;
    }
}

// Websocket frames --------------------------------------------------------------------------------------------------------------

static void take(const char *time, const char *payload, size_t length) {
    if (S.received == S.messages) return;
    if (S.received++ == 0) {
        clock_gettime(CLOCK_MONOTONIC, &S.first);
        getrusage(RUSAGE_SELF, &S.first_usage);
    }
    S.payload_bytes += length;
    add(time, payload, length);
}

// Every complete frame in the input.
static void parse_frames(void) {
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    char time[32];
    snprintf(time, sizeof time, "%010lld%09ld", (long long)now.tv_sec, now.tv_nsec);
    for (;;) {
        unsigned char *frame = (unsigned char *)S.input.bytes + S.input.start;
        size_t held = length_of(&S.input), header = 2;
        if (held < 2) return;
        uint64_t length = frame[1] & 0x7f;
        if (length == 126) {
            header = 4;
            if (held < header) return;
            length = (uint64_t)frame[2] << 8 | frame[3];
        } else if (length == 127) {
            header = 10;
            if (held < header) return;
            length = 0;
            for (int at = 2; at < 10; at++) length = length << 8 | frame[at];
        }
        if (frame[1] & 0x80 || frame[0] & 0x70) die("the server sent a masked frame or one with reserved bits");
        if (length > MAX_MESSAGE) die("the server sent a frame of %llu bytes", (unsigned long long)length);
        if (held < header + length) {
            // Make room for the rest, so that the next read can complete it.
            reserve(&S.input, header + length - held);
            return;
        }
        const char *payload = (char *)frame + header;
        int opcode = frame[0] & 0x0f;
        bool final = frame[0] & 0x80;
        if (opcode == 1 || opcode == 2) {
            if (final) {
                take(time, payload, length);
            } else {
                S.fragment_opcode = opcode;
                append(&S.fragments, payload, length);
            }
        } else if (opcode == 0) {
            if (!S.fragment_opcode) die("the server sent a continuation of nothing");
            if (length_of(&S.fragments) + length > MAX_MESSAGE) die("the server sent a message larger than 16 MiB");
            append(&S.fragments, payload, length);
            if (final) {
                take(time, S.fragments.bytes + S.fragments.start, length_of(&S.fragments));
                S.fragments.start = S.fragments.end = 0;
                S.fragment_opcode = 0;
            }
        } else if (opcode == 9) {
            send_frame(10, payload, length);
        } else if (opcode == 8) {
            S.ended = true;
        } else if (opcode != 10) {
            die("the server sent a frame with opcode %d", opcode);
        }
        S.input.start += header + length;
        if (S.ended) return;
    }
}

// One burst: what the socket has, up to READ_BYTES.
static void read_burst(void) {
    size_t burst = 0;
    do {
        size_t room = READ_BYTES - burst;
        reserve(&S.input, room);
        ssize_t count = read_some(S.input.bytes + S.input.end, room);
        if (count < 0) S.ended = true;
        if (count <= 0) break;
        S.input.end += (size_t)count;
        burst += (size_t)count;
        // A short read of a plain socket empties it; TLS returns one record a call.
    } while (S.ssl && burst < READ_BYTES);
    parse_frames();
}

// The loop ------------------------------------------------------------------------------------------------------------------------

static void watch(int epoll, int operation, int fd, uint32_t events) {
    struct epoll_event event = {.events = events, .data.fd = fd};
    if (epoll_ctl(epoll, operation, fd, &event) < 0) die("epoll_ctl: %s", strerror(errno));
}

static void run(void) {
    int epoll = epoll_create1(EPOLL_CLOEXEC);
    if (epoll < 0) die("epoll: %s", strerror(errno));
    uint32_t wanted[2] = {EPOLLIN, EPOLLIN};
    watch(epoll, EPOLL_CTL_ADD, S.socket, wanted[0]);
    watch(epoll, EPOLL_CTL_ADD, S.redis_socket, wanted[1]);
    parse_frames();
    for (;;) {
        bool written = flush_redis();
        flush_websocket();
        bool complete = S.received == S.messages || S.ended;
        if (complete && S.acknowledged == S.received) break;
        // Full: let Redis catch up, TCP tells the exchange.
        bool full = S.received - S.acknowledged > MAX_IN_FLIGHT || length_of(&S.commands) > MAX_OUTPUT;
        uint32_t next[2] = {
            (complete || full ? 0 : EPOLLIN) | (length_of(&S.output) ? EPOLLOUT : 0), EPOLLIN | (written ? 0 : EPOLLOUT)};
        if (next[0] != wanted[0]) watch(epoll, EPOLL_CTL_MOD, S.socket, next[0]);
        if (next[1] != wanted[1]) watch(epoll, EPOLL_CTL_MOD, S.redis_socket, next[1]);
        memcpy(wanted, next, sizeof wanted);
        // Records that OpenSSL read ahead do not wake epoll.
        bool ahead = S.ssl && wanted[0] & EPOLLIN && SSL_has_pending(S.ssl);
        struct epoll_event events[2];
        int count = epoll_wait(epoll, events, 2, ahead ? 0 : 30000);
        if (count < 0 && errno != EINTR) die("epoll_wait: %s", strerror(errno));
        if (count == 0 && !ahead) die("nothing came for 30 s after %ld messages and %ld replies", S.received, S.acknowledged);
        bool websocket = ahead;
        for (int at = 0; at < count; at++) {
            if (events[at].data.fd == S.redis_socket) {
                if (events[at].events & (EPOLLIN | EPOLLERR | EPOLLHUP)) read_redis();
            } else if (events[at].events & (EPOLLIN | EPOLLERR | EPOLLHUP)) {
                websocket = true;
            }
        }
        if (websocket && !complete) {
            read_burst();
        } else if (websocket && complete) {
            // The server went away while the last replies are awaited: stop watching it.
            if (epoll_ctl(epoll, EPOLL_CTL_DEL, S.socket, NULL) == 0) watch(epoll, EPOLL_CTL_ADD, S.socket, EPOLLONESHOT);
        }
    }
}

static double seconds(struct timeval from, struct timeval to) {
    return (double)(to.tv_sec - from.tv_sec) + (double)(to.tv_usec - from.tv_usec) / 1e6;
}

static void report(void) {
    struct timespec now;
    struct rusage usage;
    clock_gettime(CLOCK_MONOTONIC, &now);
    getrusage(RUSAGE_SELF, &usage);
    if (S.received == 0) die("the server closed before the first message");
    double wall = (double)(now.tv_sec - S.first.tv_sec) + (double)(now.tv_nsec - S.first.tv_nsec) / 1e9;
    double user = seconds(S.first_usage.ru_utime, usage.ru_utime), system = seconds(S.first_usage.ru_stime, usage.ru_stime);
    printf("{\"packets\":%ld,\"payload_bytes\":%llu,\"encoder\":\"%s\",\"tls\":%s,\"wall_s\":%.6f,\"cpu_user_s\":%.6f,\"cpu_sys_s\":%.6f,"
           "\"us_per_packet\":%.4f,\"maxrss_kb\":%ld}\n",
        S.received, (unsigned long long)S.payload_bytes, S.raw ? "raw" : "hiredis", S.tls ? "true" : "false", wall, user, system,
        (user + system) * 1e6 / (double)S.received, usage.ru_maxrss);
}

// Command line ------------------------------------------------------------------------------------------------------------------

static void usage(const char *what) {
    fprintf(stderr,
        "cpath: %s\nusage: cpath ws[s]://host[:port]/path --redis HOST:PORT|/path.sock --stream KEY --messages N\n"
        "             [--subscribe TEXT] [--maxlen N] [--raw] [--roots FILE]\n", what);
    exit(2);
}

static void parse_url(const char *url) {
    S.tls = !strncmp(url, "wss://", 6);
    if (!S.tls && strncmp(url, "ws://", 5)) usage("the URL begins with neither ws:// nor wss://");
    const char *host = url + (S.tls ? 6 : 5), *path = strchr(host, '/');
    size_t length = path ? (size_t)(path - host) : strlen(host);
    const char *colon = memchr(host, ':', length);
    size_t name = colon ? (size_t)(colon - host) : length;
    if (name == 0 || name >= sizeof S.host) usage("the URL has no host");
    memcpy(S.host, host, name);
    if (colon) {
        size_t digits = length - name - 1;
        if (digits == 0 || digits >= sizeof S.port) usage("the port of the URL is none");
        memcpy(S.port, colon + 1, digits);
    } else {
        strcpy(S.port, S.tls ? "443" : "80");
    }
    if ((size_t)snprintf(S.path, sizeof S.path, "%s", path ? path : "/") >= sizeof S.path) usage("the path of the URL is too long");
}

int main(int count, char **arguments) {
    if (count < 2) usage("the URL is missing");
    parse_url(arguments[1]);
    S.maxlen = 10000;
    for (int at = 2; at < count; at++) {
        const char *name = arguments[at];
        if (!strcmp(name, "--raw")) {
            S.raw = true;
            continue;
        }
        if (at + 1 == count) usage("the last option has no value");
        const char *value = arguments[++at];
        if (!strcmp(name, "--redis")) S.redis = value;
        else if (!strcmp(name, "--stream")) S.stream = value;
        else if (!strcmp(name, "--subscribe")) S.subscribe = value;
        else if (!strcmp(name, "--roots")) S.roots = value;
        else if (!strcmp(name, "--messages")) S.messages = atol(value);
        else if (!strcmp(name, "--maxlen")) S.maxlen = atol(value);
        else usage("there is an unknown option");
    }
    if (!S.redis || !S.stream || S.messages <= 0 || S.maxlen <= 0) usage("--redis, --stream and --messages are needed");
    snprintf(S.number, sizeof S.number, "%ld", S.maxlen);

    connect_redis();
    S.socket = connect_tcp(S.host, S.port);
    if (S.tls) start_tls();
    upgrade();
    set_nonblocking(S.socket);
    if (S.subscribe) send_frame(1, S.subscribe, strlen(S.subscribe));
    run();
    report();
    return 0;
}
