// What the measuring programs share: Redis' protocol written by hand, and a clock.
#ifndef PATH_WIRE_H
#define PATH_WIRE_H
#include <string.h>

// Monotonic.
double path_seconds(void);

// Each writes at `at` and returns the byte behind; the caller has made room. Inline, since the yardstick of the packet path is made of them.

// Decimal digits.
static inline char *path_number(char *at, unsigned long long value) {
    char digits[20];
    int count = 0;
    do { digits[count++] = (char)('0' + value % 10); value /= 10; } while (value);
    while (count) *at++ = digits[--count];
    return at;
}

// The head of an array or of a bulk string: `kind` is '*' or '$'.
static inline char *path_head(char *at, char kind, unsigned long long count) {
    *at++ = kind;
    at = path_number(at, count);
    *at++ = '\r'; *at++ = '\n';
    return at;
}

// A bulk string.
static inline char *path_bulk(char *at, const void *bytes, size_t length) {
    at = path_head(at, '$', length);
    memcpy(at, bytes, length);
    at += length;
    *at++ = '\r'; *at++ = '\n';
    return at;
}

static inline char *path_bulk_text(char *at, const char *text) { return path_bulk(at, text, strlen(text)); }

static inline char *path_bulk_number(char *at, unsigned long long value) {
    char digits[24];
    return path_bulk(at, digits, (size_t)(path_number(digits, value) - digits));
}
#endif
