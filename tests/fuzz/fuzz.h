/* What the fuzz targets have in common. A target is fuzz_x.c; libFuzzer drives it in the preset fuzz, and replay.c, with its
 * seeds and regressions, everywhere. */
#ifndef FUZZ_H
#define FUZZ_H

#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

struct dd_wire_fragment;

/* An input found a mistake: it must not happen, whatever the input. */
#define MUST(condition)                                                                                                          \
    do {                                                                                                                         \
        if (!(condition)) {                                                                                                      \
            fprintf(stderr, "%s:%d: not so: %s\n", __FILE__, __LINE__, #condition);                                              \
            abort();                                                                                                             \
        }                                                                                                                        \
    } while (0)

/* ---- of the target, for libFuzzer and replay.c ---- */

int LLVMFuzzerInitialize(int *argc, char ***argv);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { FUZZ_SEED_SIZE = 4096 };
/* Writes seed i. Its length; 0: there are no more. */
size_t fuzz_seed(size_t i, uint8_t seed[static FUZZ_SEED_SIZE]);

struct fuzz_bytes {
    const char *bytes;
    size_t size;
};
#define FUZZ_BYTES(text)                                                                                                         \
    {                                                                                                                            \
        text, sizeof(text) - 1                                                                                                   \
    }

/* ---- frame.c: cutting frames as docs/protocol.md says, worked out apart from src/link/ ---- */

/* A byte of a frame is one of its data symbols' in order, then zeros. */
struct fuzz_frame {
    const uint8_t *bytes; /* borrowed */
    uint32_t size, symbols;
    uint16_t symbol_bytes, blocks;
    uint8_t parity;
};

/* A receiver accepts each frame that is cut into symbols of at most this, or more. */
enum { FUZZ_SYMBOL_MIN = 80 };

/* How an input wants a frame to be cut. */
struct fuzz_cut {
    uint16_t symbol_bytes; /* at most, not 0 */
    uint8_t data;          /* symbols in a block at most, 1 … 128 */
    uint8_t parity;        /* lowered to what fits */
};

/* size is not 0; there are at most max_datagrams, at least 256, if need be with larger symbols and less parity. */
struct fuzz_frame fuzz_frame_cut(const uint8_t *bytes, uint32_t size, struct fuzz_cut cut, uint32_t max_datagrams);
uint32_t fuzz_frame_datagrams(const struct fuzz_frame *frame);
/* Describes datagram n of a frame, and writes its symbol; leaves frame and captured_us alone. */
void fuzz_frame_fragment(const struct fuzz_frame *frame, uint32_t n, struct dd_wire_fragment *fragment, uint8_t *symbol);

/* ---- sender.c: pictures, and sealing apart from src/link/seal.c, since here a counter goes where an input wants it ---- */

enum { FUZZ_KEYS = 2, FUZZ_SESSIONS = 8, FUZZ_PICTURES = 6, FUZZ_PICTURE_SIZE = 20000 };
#define FUZZ_START_US (UINT64_C(1767268800) * 1000000)

/* When the sessions of each key begin, in µs since 1970: two at one time, one that is for some seconds more than a day ahead of
 * session 4, the first and the last of all. */
extern const uint64_t fuzz_sender_starts[FUZZ_SESSIONS];

void fuzz_sender_init(void);
/* The id of key i, whose bytes are i + 1 and zeros. */
uint32_t fuzz_sender_key_id(size_t i);
/* JPEGs from small to large, then what is none, then what is too large. */
const uint8_t *fuzz_sender_picture(size_t i, uint32_t *size);
/* Seals a message into datagram, which has room for it. The datagram's length. */
size_t fuzz_sender_seal(size_t key, size_t session, uint64_t counter, const uint8_t *message, size_t size, uint8_t *datagram);

#endif
