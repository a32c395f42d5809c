#ifndef COLONY_CZLIB_SHIM_H
#define COLONY_CZLIB_SHIM_H
#include <zlib.h>
// The init functions are macros in zlib.h, which Swift cannot call.
static inline int colony_inflate_init(z_stream *stream, int window_bits) { return inflateInit2(stream, window_bits); }
static inline int colony_deflate_init(z_stream *stream, int level, int window_bits, int memory_level) {
    return deflateInit2(stream, level, Z_DEFLATED, window_bits, memory_level, Z_DEFAULT_STRATEGY);
}
#endif
