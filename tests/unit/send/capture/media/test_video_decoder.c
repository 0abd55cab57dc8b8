/* Cameras that claim more than is decoded. Their H.264 is made here, bit by bit (ITU-T H.264, 7.3): grey, then nothing new. */
#include "send/capture/media/video_decoder.h"

#include <stdlib.h>
#include <string.h>

#include <libavcodec/codec_par.h>
#include <libavcodec/packet.h>

#include "dd/base/error.h"
#include "dd/link/wire.h"
#include "send/capture/source.h"
#include "send/picture.h"
#include "suite.h"

enum { STREAM_MAX = 1 << 20, IDR = 5, P = 1, SPS = 7, PPS = 8 };

static uint8_t stream[STREAM_MAX];
static size_t stream_size;
static unsigned bit_buffer, bit_count, zeros; /* bits that are no whole byte yet; zero bytes in a row */
static struct dd_source_io io;

static void put_byte(unsigned byte)
{
    if (zeros == 2 && byte <= 3) {
        stream[stream_size++] = 3; /* emulation prevention */
        zeros = 0;
    }
    zeros = byte ? 0 : zeros + 1;
    stream[stream_size++] = (uint8_t)byte;
}

static void put_bits(unsigned count, unsigned value)
{
    while (count--) {
        bit_buffer = bit_buffer << 1 | (value >> count & 1);
        if (++bit_count == 8) {
            put_byte(bit_buffer & 255);
            bit_count = 0;
        }
    }
}

/* Exp-Golomb, ue(v) */
static void put_ue(unsigned value)
{
    unsigned length = 0;
    while ((value + 1) >> (length + 1))
        length++;
    put_bits(length, 0);
    put_bits(length + 1, value + 1);
}

static void begin_unit(unsigned reference, unsigned type)
{
    static const uint8_t start[] = {0, 0, 0, 1};
    memcpy(stream + stream_size, start, sizeof start);
    stream_size += sizeof start;
    zeros = bit_count = 0;
    put_bits(8, reference << 5 | type);
}

static void end_unit(void)
{
    put_bits(1, 1);
    while (bit_count)
        put_bits(1, 0);
}

/* High 10: ten bits a sample, two bytes in memory. */
static void put_parameters(unsigned width, unsigned height, unsigned references)
{
    begin_unit(3, SPS);
    put_bits(24, 110 << 16 | 62);
    put_ue(0);
    put_ue(1); /* 4:2:0 */
    put_ue(2);
    put_ue(2);
    put_bits(2, 0);
    put_ue(0); /* frame_num has four bits */
    put_ue(2); /* pictures are shown in the order in which they come */
    put_ue(references);
    put_bits(1, 0);
    put_ue(width / 16 - 1);
    put_ue(height / 16 - 1);
    put_bits(4, 0xc); /* frames only, direct_8x8_inference, no cropping, no VUI */
    end_unit();
    begin_unit(3, PPS);
    put_ue(0);
    put_ue(0);
    put_bits(2, 0); /* CAVLC */
    put_ue(0);
    put_ue(0);
    put_ue(0);
    put_bits(3, 0);
    put_ue(0);
    put_ue(0);
    put_ue(0);
    put_bits(3, 4); /* slices say how they are deblocked */
    end_unit();
}

static void put_slice(unsigned number, unsigned macroblocks)
{
    begin_unit(3, number ? P : IDR);
    put_ue(0);
    put_ue(number ? 5 : 7);
    put_ue(0);
    put_bits(4, number % 16);
    if (number) {
        put_bits(3, 0);
    } else {
        put_ue(0);
        put_bits(2, 0);
    }
    put_ue(0);
    put_ue(1); /* no deblocking */
    if (number)
        put_ue(macroblocks); /* all skipped */
    for (unsigned i = 0; i < macroblocks && !number; i++)
        put_bits(8, 0x27); /* I_16x16_2_0_0: predicted from its neighbours, without a residual */
    end_unit();
}

static int send_stream(struct dd_video_decoder *d)
{
    AVPacket *packet = av_packet_alloc();
    ck_assert_int_eq(av_new_packet(packet, (int)stream_size), 0);
    memcpy(packet->data, stream, stream_size);
    packet->pts = 1;
    int error = dd_video_decoder_send(d, packet, &io);
    av_packet_free(&packet);
    stream_size = 0;
    return error;
}

/* Sends up to that many pictures. Returns how many of them were decoded before an error; *error is that, or 0. */
static unsigned decode(unsigned width, unsigned height, unsigned references, unsigned pictures, int *error)
{
    struct dd_video_decoder *d;
    struct dd_picture picture;
    unsigned decoded = 0;
    AVCodecParameters *parameters = avcodec_parameters_alloc();
    parameters->codec_type = AVMEDIA_TYPE_VIDEO;
    parameters->codec_id = AV_CODEC_ID_H264;
    ck_assert_int_eq(dd_video_decoder_open(&d, parameters, "rtsp://camera/", &io), 0);
    put_parameters(width, height, references);
    *error = 0;
    for (unsigned i = 0; i < pictures && !*error; i++) {
        put_slice(i, width / 16 * height / 16);
        *error = send_stream(d);
        while (!*error && dd_video_decoder_receive(d, &picture) == 0) {
            ck_assert_uint_eq((unsigned)picture.width, width);
            decoded++;
        }
    }
    dd_video_decoder_close(d);
    avcodec_parameters_free(&parameters);
    return decoded;
}

START_TEST(pictures_that_cameras_send_are_decoded)
{
    int error;
    ck_assert_uint_eq(decode(320, 240, 16, 40, &error), 40);
    ck_assert_int_eq(error, 0);
    /* 12 megapixels */
    ck_assert_uint_eq(decode(4000, 3008, 4, 2, &error), 2);
    ck_assert_int_eq(error, 0);
    /* the largest that is sent in its size, with as many references as H.264's level 5.2 allows it */
    ck_assert_uint_eq(decode(4096, 2304, 5, suite_is_short() ? 2 : 8, &error), suite_is_short() ? 2 : 8);
    ck_assert_int_eq(error, 0);
}
END_TEST

START_TEST(a_size_beyond_the_limit_is_refused_before_it_is_decoded)
{
    static const unsigned sizes[][2] = {{8192, 8192}, {4096, 4112}, {4112, 4096}, {7680, 4320}};
    int error;
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
        ck_assert_uint_eq(decode(sizes[i][0], sizes[i][1], 16, 2, &error), 0);
        ck_assert_int_eq(error, DD_ERROR_SOURCE);
        ck_assert_uint_eq(io.reason, DD_WIRE_REASON_UNSUITABLE);
        ck_assert_ptr_nonnull(strstr(io.message, "megapixels"));
    }
}
END_TEST

START_TEST(more_references_than_its_memory_holds_are_refused)
{
    int error;
    unsigned decoded = decode(4096, 2304, 16, 17, &error);
    ck_assert_int_eq(error, DD_ERROR_SOURCE);
    ck_assert_uint_eq(io.reason, DD_WIRE_REASON_UNSUITABLE);
    ck_assert_ptr_nonnull(strstr(io.message, "384 MiB"));
    ck_assert_uint_ge(decoded, 8);
    ck_assert_uint_le(decoded, 13); /* of 27 MiB each, and what belongs to them */
}
END_TEST

SUITE("send/capture/media/video_decoder", pictures_that_cameras_send_are_decoded,
      a_size_beyond_the_limit_is_refused_before_it_is_decoded, more_references_than_its_memory_holds_are_refused)
