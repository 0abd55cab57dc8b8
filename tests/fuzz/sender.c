#include <openssl/evp.h>
#include <string.h>
#include <turbojpeg.h>

#include "dd/link/key.h"
#include "dd/link/wire.h"
#include "fuzz.h"

#define SECOND UINT64_C(1000000)

const uint64_t fuzz_sender_starts[FUZZ_SESSIONS] = {
    FUZZ_START_US,
    FUZZ_START_US + SECOND,
    FUZZ_START_US + SECOND,
    FUZZ_START_US + 2 * SECOND,
    FUZZ_START_US + 3 * SECOND,
    FUZZ_START_US + 86408 * SECOND,
    0,
    UINT64_MAX,
};

static struct dd_key keys[FUZZ_KEYS];
static EVP_CIPHER_CTX *ciphers[FUZZ_KEYS][FUZZ_SESSIONS];
static uint8_t pictures[FUZZ_PICTURES][FUZZ_PICTURE_SIZE];
static uint32_t picture_sizes[FUZZ_PICTURES];

static void make_picture(size_t i, int width, int height)
{
    static uint8_t pixels[320 * 240 * 3];
    uint8_t *out = pictures[i];
    unsigned long size = FUZZ_PICTURE_SIZE;
    tjhandle handle = tjInitCompress();
    for (size_t j = 0; j < sizeof pixels; j++)
        pixels[j] = (uint8_t)(j * 2654435761U >> 24); /* noise */
    MUST(handle);
    MUST(tjCompress2(handle, pixels, width, 0, height, TJPF_RGB, &out, &size, TJSAMP_420, 60, TJFLAG_NOREALLOC) == 0);
    tjDestroy(handle);
    picture_sizes[i] = (uint32_t)size;
}

static void make_pictures(void)
{
    make_picture(0, 8, 8);
    make_picture(1, 64, 48);
    make_picture(2, 130, 100);
    make_picture(3, 180, 140);
    memset(pictures[4], 'x', FUZZ_PICTURE_SIZE);
    picture_sizes[4] = 1;
    picture_sizes[5] = FUZZ_PICTURE_SIZE;
}

void fuzz_sender_init(void)
{
    make_pictures();
    for (size_t k = 0; k < FUZZ_KEYS; k++) {
        const uint8_t secret[DD_KEY_BYTES] = {(uint8_t)(k + 1)};
        MUST(dd_key_derive(&keys[k], secret, "") == 0);
        for (size_t s = 0; s < FUZZ_SESSIONS; s++) {
            uint8_t header[DD_WIRE_HEADER_BYTES], packet_key[DD_KEY_BYTES];
            dd_wire_write_header(&(struct dd_wire_header){.session_start_us = fuzz_sender_starts[s], .session_salt = s}, header);
            ciphers[k][s] = EVP_CIPHER_CTX_new();
            MUST(ciphers[k][s] && dd_key_packet(&keys[k], header + 8, packet_key) == 0);
            MUST(EVP_EncryptInit_ex2(ciphers[k][s], EVP_aes_256_gcm(), packet_key, NULL, NULL) == 1);
        }
    }
}

uint32_t fuzz_sender_key_id(size_t i)
{
    return keys[i].id;
}

const uint8_t *fuzz_sender_picture(size_t i, uint32_t *size)
{
    *size = picture_sizes[i];
    return pictures[i];
}

size_t fuzz_sender_seal(size_t key, size_t session, uint64_t counter, const uint8_t *message, size_t size, uint8_t *datagram)
{
    EVP_CIPHER_CTX *cipher = ciphers[key][session];
    uint8_t nonce[12] = {0}, *text = datagram + DD_WIRE_HEADER_BYTES;
    int n;
    dd_wire_write_header(
        &(struct dd_wire_header){
            .key_id = keys[key].id, .session_start_us = fuzz_sender_starts[session], .session_salt = session, .counter = counter},
        datagram);
    memcpy(nonce + 4, datagram + 24, 8);
    MUST(EVP_EncryptInit_ex2(cipher, NULL, NULL, nonce, NULL) == 1);
    MUST(EVP_EncryptUpdate(cipher, NULL, &n, datagram, DD_WIRE_HEADER_BYTES) == 1);
    MUST(!size || EVP_EncryptUpdate(cipher, text, &n, message, (int)size) == 1);
    MUST(EVP_EncryptFinal_ex(cipher, text + size, &n) == 1);
    MUST(EVP_CIPHER_CTX_ctrl(cipher, EVP_CTRL_AEAD_GET_TAG, DD_WIRE_TAG_BYTES, text + size) == 1);
    return DD_WIRE_HEADER_BYTES + size + DD_WIRE_TAG_BYTES;
}
