/* Holds the code to the check vectors of docs/protocol.md, which tests/support/vectors.sh computes without it. */
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include "dd/base/cursor.h"
#include "dd/link/block_plan.h"
#include "dd/link/boot_tag.h"
#include "dd/link/fragmenter.h"
#include "dd/link/key.h"
#include "dd/link/reassembly.h"
#include "dd/link/unseal.h"
#include "dd/link/wire.h"

#include "suite.h"

enum { VECTOR_MAX = 512 };

static const uint64_t SESSION_START_US = UINT64_C(1767268800000000);
static const uint64_t SESSION_SALT = UINT64_C(0x0123456789abcdef);
static const uint64_t FRAME = UINT64_C(1767268800123);
static const uint64_t CAPTURED_US = UINT64_C(1767268800123456);
static const uint64_t EPOCH_US = UINT64_C(1767265200000000);

struct vector {
    uint8_t bytes[VECTOR_MAX];
    size_t size;
    char text[2 * VECTOR_MAX + 1];
};

/* The line "name = value" of the file. */
static struct vector vector(const char *name)
{
    static char line[4 * VECTOR_MAX];
    struct vector v = {.size = 0};
    bool found = false;
    FILE *file = fopen(DD_SOURCE_DIR "/tests/unit/link/vectors.txt", "r");
    ck_assert_ptr_nonnull(file);
    while (!found && fgets(line, sizeof line, file)) {
        char *equals = strstr(line, " = ");
        ck_assert_ptr_nonnull(equals);
        *equals = '\0';
        found = !strcmp(line, name);
        if (found)
            ck_assert_int_eq(sscanf(equals + 3, "%1024s", v.text), 1);
    }
    fclose(file);
    ck_assert_msg(found, "no vector %s", name);

    unsigned byte;
    while (v.size < VECTOR_MAX && sscanf(v.text + 2 * v.size, "%2x", &byte) == 1)
        v.bytes[v.size++] = (uint8_t)byte;
    return v;
}

static uint32_t vector_boot_tag(void)
{
    struct vector v = vector("boot_tag");
    struct dd_cursor c = dd_cursor_reader(v.bytes, v.size);
    return dd_cursor_read_u32(&c);
}

static struct dd_key derived(const char *stream_id)
{
    struct dd_key key;
    ck_assert_int_eq(dd_key_derive(&key, vector("key").bytes, stream_id), 0);
    return key;
}

START_TEST(reads_the_key)
{
    uint8_t key[DD_KEY_BYTES];
    const char *why = NULL;
    ck_assert_int_eq(dd_key_parse(vector("key_base64").text, key, &why), 0);
    ck_assert_mem_eq(key, vector("key").bytes, sizeof key);
}
END_TEST

static void check_derivations(const char *stream_id, const char *id_name, const char *packet_name)
{
    struct dd_key key = derived(stream_id);
    uint8_t id[4], packet[DD_KEY_BYTES];
    struct dd_cursor c = dd_cursor_writer(id, sizeof id);
    dd_cursor_write_u32(&c, key.id);
    ck_assert_mem_eq(key.prk, vector("prk").bytes, sizeof key.prk);
    ck_assert_mem_eq(id, vector(id_name).bytes, sizeof id);
    ck_assert_int_eq(dd_key_packet(&key, vector("session").bytes, packet), 0);
    ck_assert_mem_eq(packet, vector(packet_name).bytes, sizeof packet);
}

START_TEST(derives_without_stream_id)
{
    check_derivations("", "empty_key_id", "empty_packet_key");
}
END_TEST

START_TEST(derives_with_stream_id)
{
    check_derivations("lobby", "lobby_key_id", "lobby_packet_key");
}
END_TEST

START_TEST(writes_the_header)
{
    struct vector datagram = vector("fragment_datagram");
    uint8_t bytes[DD_WIRE_HEADER_BYTES];
    struct dd_wire_header header = {
        .key_id = derived("").id, .session_start_us = SESSION_START_US, .session_salt = SESSION_SALT, .counter = 5};
    dd_wire_write_header(&header, bytes);
    ck_assert_mem_eq(bytes, datagram.bytes, sizeof bytes);
}
END_TEST

START_TEST(writes_and_reads_the_fragment)
{
    struct vector message = vector("fragment_message");
    uint8_t symbol[15], bytes[VECTOR_MAX];
    for (size_t i = 0; i < sizeof symbol; i++)
        symbol[i] = (uint8_t)(0x10 + i);
    struct dd_wire_fragment fragment = {.index = 1,
                                        .data = 3,
                                        .blocks = 1,
                                        .frame = FRAME,
                                        .captured_us = CAPTURED_US,
                                        .frame_bytes = 45,
                                        .symbol_bytes = sizeof symbol,
                                        .symbol = symbol};
    ck_assert_uint_eq(dd_wire_write_fragment(&fragment, bytes, sizeof bytes), message.size);
    ck_assert_mem_eq(bytes, message.bytes, message.size);

    struct dd_wire_fragment read;
    ck_assert_uint_eq(dd_wire_type(message.bytes, message.size), DD_WIRE_FRAGMENT);
    ck_assert_int_eq(dd_wire_read_fragment(&read, 1024, message.bytes, message.size), 0);
    ck_assert_uint_eq(read.index, 1);
    ck_assert_uint_eq(read.data, 3);
    ck_assert_uint_eq(read.parity, 0);
    ck_assert_uint_eq(read.block, 0);
    ck_assert_uint_eq(read.blocks, 1);
    ck_assert_uint_eq(read.frame, FRAME);
    ck_assert_uint_eq(read.captured_us, CAPTURED_US);
    ck_assert_uint_eq(read.frame_bytes, 45);
    ck_assert_uint_eq(read.symbol_bytes, 15);
    ck_assert_mem_eq(read.symbol, symbol, sizeof symbol);
}
END_TEST

/* The last of the frame's symbols is the second parity symbol; it stands for the first data symbol. */
START_TEST(makes_and_uses_the_parity)
{
    static const struct dd_block_plan plan = {.frame_bytes = 45, .symbol_bytes = 15, .symbols = 3, .blocks = 1, .parity = 2};
    struct vector message = vector("parity_message");
    uint8_t bytes[45 + DD_FRAGMENTER_SLACK], made[VECTOR_MAX];
    for (size_t i = 0; i < plan.frame_bytes; i++)
        bytes[i] = (uint8_t)(i + 1);
    struct dd_fragmenter *symbols = dd_fragmenter_new();
    struct dd_reassembly *reassemble = dd_reassembly_new(1024);
    struct dd_reassembly_frame frame;
    struct dd_wire_fragment fragment = {.frame = FRAME, .captured_us = CAPTURED_US}, read;
    ck_assert_int_eq(dd_fragmenter_begin(symbols, &plan, bytes), 0);
    ck_assert_int_eq(dd_wire_read_fragment(&read, 1024, message.bytes, message.size), 0);
    ck_assert_int_eq(dd_reassembly_add(reassemble, 1, &read, 0, &frame), DD_REASSEMBLY_TAKEN);
    for (uint32_t n = 0; dd_fragmenter_left(symbols); n++) {
        ck_assert_int_eq(dd_fragmenter_next(symbols, &fragment), 0);
        if (n == 1 || n == 2)
            ck_assert_int_eq(dd_reassembly_add(reassemble, 1, &fragment, 0, &frame),
                             n == 1 ? DD_REASSEMBLY_TAKEN : DD_REASSEMBLY_COMPLETE);
    }
    ck_assert_uint_eq(frame.size, plan.frame_bytes);
    ck_assert_mem_eq(frame.bytes, bytes, plan.frame_bytes);
    ck_assert_uint_eq(dd_wire_write_fragment(&fragment, made, sizeof made), message.size);
    ck_assert_mem_eq(made, message.bytes, message.size);
    dd_reassembly_free(reassemble);
    dd_fragmenter_free(symbols);
}
END_TEST

START_TEST(computes_the_boot_tag)
{
    uint32_t tag, other;
    ck_assert_int_eq(dd_boot_tag_compute(vector("boot_id").text, &tag), 0);
    ck_assert_uint_eq(tag, vector_boot_tag());
    /* of a machine that does not tell its boot's id, each start counts as another boot */
    ck_assert_int_eq(dd_boot_tag_compute("", &tag), 0);
    ck_assert_int_eq(dd_boot_tag_compute("", &other), 0);
    ck_assert_uint_ne(tag, other);
}
END_TEST

START_TEST(writes_and_reads_the_status)
{
    struct vector message = vector("status_message");
    uint8_t bytes[VECTOR_MAX];
    struct dd_wire_status status = {.source = DD_WIRE_SOURCE_FAILED,
                                    .reason = DD_WIRE_REASON_CREDENTIALS,
                                    .interval_ms = 100,
                                    .frame = FRAME,
                                    .captured_us = CAPTURED_US,
                                    .age_ms = 4321,
                                    .period_ms = 1000,
                                    .width = 1280,
                                    .height = 720,
                                    .frames_skipped = 7,
                                    .frames_sent = 42,
                                    .sent_us = UINT64_C(1767268801500000),
                                    .epoch_us = EPOCH_US,
                                    .jpeg_quality = 60,
                                    .boot_tag = vector_boot_tag()};
    ck_assert_uint_eq(dd_wire_write_status(&status, bytes, sizeof bytes), message.size);
    ck_assert_mem_eq(bytes, message.bytes, message.size);

    struct dd_wire_status read;
    ck_assert_uint_eq(dd_wire_type(message.bytes, message.size), DD_WIRE_STATUS);
    ck_assert_int_eq(dd_wire_read_status(&read, message.bytes, message.size), 0);
    ck_assert_uint_eq(read.source, DD_WIRE_SOURCE_FAILED);
    ck_assert_uint_eq(read.reason, DD_WIRE_REASON_CREDENTIALS);
    ck_assert_uint_eq(read.interval_ms, 100);
    ck_assert_uint_eq(read.frame, FRAME);
    ck_assert_uint_eq(read.captured_us, CAPTURED_US);
    ck_assert_uint_eq(read.age_ms, 4321);
    ck_assert_uint_eq(read.period_ms, 1000);
    ck_assert_uint_eq(read.width, 1280);
    ck_assert_uint_eq(read.height, 720);
    ck_assert_uint_eq(read.frames_skipped, 7);
    ck_assert_uint_eq(read.frames_sent, 42);
    ck_assert_uint_eq(read.sent_us, UINT64_C(1767268801500000));
    ck_assert_uint_eq(read.epoch_us, EPOCH_US);
    ck_assert_uint_eq(read.jpeg_quality, 60);
    ck_assert_uint_eq(read.boot_tag, vector_boot_tag());
}
END_TEST

/* The datagram opens to the message; with any bit of it flipped, it does not. */
static void check_datagram(const char *stream_id, const char *datagram_name, const char *message_name)
{
    struct vector datagram = vector(datagram_name), message = vector(message_name);
    struct dd_key key = derived(stream_id);
    struct dd_unseal_memory memory = {0};
    struct dd_unseal *unseal = dd_unseal_new(&key, &memory);
    struct dd_wire_header header;
    struct dd_unseal_message opened;
    uint8_t scratch[VECTOR_MAX];
    const uint64_t now_us = 1000000, wall_us = SESSION_START_US + 1;

    ck_assert_ptr_nonnull(unseal);
    for (size_t bit = 0; bit < datagram.size * 8; bit++) {
        datagram.bytes[bit / 8] ^= (uint8_t)(1 << bit % 8);
        if (!dd_wire_read_header(&header, datagram.bytes, datagram.size))
            ck_assert_int_ne(
                dd_unseal_datagram(unseal, &header, datagram.bytes, datagram.size, scratch, now_us, wall_us, &opened),
                DD_UNSEAL_ACCEPTED);
        datagram.bytes[bit / 8] ^= (uint8_t)(1 << bit % 8);
    }
    ck_assert_int_eq(dd_wire_read_header(&header, datagram.bytes, datagram.size), 0);
    ck_assert_uint_eq(header.key_id, key.id);
    ck_assert_uint_eq(header.session_start_us, SESSION_START_US);
    ck_assert_uint_eq(header.session_salt, SESSION_SALT);
    ck_assert_int_eq(dd_unseal_datagram(unseal, &header, datagram.bytes, datagram.size, scratch, now_us, wall_us, &opened),
                     DD_UNSEAL_ACCEPTED);
    ck_assert_uint_eq(opened.size, message.size);
    ck_assert_mem_eq(opened.bytes, message.bytes, message.size);
    ck_assert_int_eq(dd_unseal_datagram(unseal, &header, datagram.bytes, datagram.size, scratch, now_us, wall_us, &opened),
                     DD_UNSEAL_REPLAY);
    dd_unseal_free(unseal);
}

START_TEST(opens_the_fragment_datagram)
{
    check_datagram("", "fragment_datagram", "fragment_message");
}
END_TEST

START_TEST(opens_the_parity_datagram)
{
    check_datagram("", "parity_datagram", "parity_message");
}
END_TEST

START_TEST(opens_the_status_datagram)
{
    check_datagram("lobby", "status_datagram", "status_message");
}
END_TEST

SUITE("link/vectors", reads_the_key, derives_without_stream_id, derives_with_stream_id, writes_the_header,
      writes_and_reads_the_fragment, makes_and_uses_the_parity, computes_the_boot_tag, writes_and_reads_the_status,
      opens_the_fragment_datagram, opens_the_parity_datagram, opens_the_status_datagram)
