#include <stdbool.h>
#include <string.h>

#include "dd/link/wire.h"
#include "fuzz.h"

enum { POLYNOMIAL = 0x11d };

static uint8_t products[256][256], inverses[256];

static uint8_t multiply(unsigned a, unsigned b)
{
    unsigned product = 0;
    for (; b; b >>= 1) {
        if (b & 1)
            product ^= a;
        a <<= 1;
        if (a & 0x100)
            a ^= POLYNOMIAL;
    }
    return (uint8_t)product;
}

static void make_tables(void)
{
    for (unsigned a = 0; a < 256; a++)
        for (unsigned b = 0; b < 256; b++) {
            products[a][b] = multiply(a, b);
            if (products[a][b] == 1)
                inverses[a] = (uint8_t)b;
        }
}

static uint32_t divide_up(uint32_t a, uint32_t b)
{
    return a / b + (a % b != 0);
}

struct fuzz_frame fuzz_frame_cut(const uint8_t *bytes, uint32_t size, struct fuzz_cut cut, uint32_t max_datagrams)
{
    struct fuzz_frame f = {.bytes = bytes, .size = size};
    uint32_t least = divide_up(size, max_datagrams), largest = cut.symbol_bytes > least ? cut.symbol_bytes : least;
    f.symbols = divide_up(size, largest);
    f.symbol_bytes = (uint16_t)divide_up(size, f.symbols);
    f.blocks = (uint16_t)divide_up(f.symbols, cut.data);
    uint32_t room = (max_datagrams - f.symbols) / f.blocks, most = DD_WIRE_SYMBOLS_MAX - divide_up(f.symbols, f.blocks);
    most = room < most ? room : most;
    f.parity = (uint8_t)(cut.parity < most ? cut.parity : most);
    return f;
}

uint32_t fuzz_frame_datagrams(const struct fuzz_frame *frame)
{
    return frame->symbols + (uint32_t)frame->blocks * frame->parity;
}

static void write_data(const struct fuzz_frame *frame, uint32_t j, uint8_t *symbol)
{
    size_t at = (size_t)j * frame->symbol_bytes, left = frame->size - at;
    size_t here = left < frame->symbol_bytes ? left : frame->symbol_bytes;
    memcpy(symbol, frame->bytes + at, here);
    memset(symbol + here, 0, frame->symbol_bytes - here);
}

/* Adds up the block's data symbols, each times the inverse of (index of the parity) xor (index of the data). */
static void write_parity(const struct fuzz_frame *frame, uint32_t block, uint32_t index, uint8_t *symbol)
{
    if (!products[1][1])
        make_tables();
    memset(symbol, 0, frame->symbol_bytes);
    for (uint32_t j = block, i = 0; j < frame->symbols; j += frame->blocks, i++) {
        const uint8_t *times = products[inverses[index ^ i]];
        size_t at = (size_t)j * frame->symbol_bytes;
        for (size_t b = 0; b < frame->symbol_bytes && at + b < frame->size; b++)
            symbol[b] ^= times[frame->bytes[at + b]];
    }
}

void fuzz_frame_fragment(const struct fuzz_frame *frame, uint32_t n, struct dd_wire_fragment *fragment, uint8_t *symbol)
{
    bool is_data = n < frame->symbols;
    uint32_t block = (is_data ? n : n - frame->symbols) % frame->blocks;
    uint32_t data = frame->symbols / frame->blocks + (block < frame->symbols % frame->blocks);
    uint32_t index = is_data ? n / frame->blocks : data + (n - frame->symbols) / frame->blocks;
    fragment->index = (uint8_t)index;
    fragment->data = (uint8_t)data;
    fragment->parity = frame->parity;
    fragment->block = (uint16_t)block;
    fragment->blocks = frame->blocks;
    fragment->frame_bytes = frame->size;
    fragment->symbol_bytes = frame->symbol_bytes;
    fragment->symbol = symbol;
    if (is_data)
        write_data(frame, n, symbol);
    else
        write_parity(frame, block, index, symbol);
}
