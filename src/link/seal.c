#include "dd/link/seal.h"

#include <errno.h>
#include <openssl/evp.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#include "dd/base/clock.h"
#include "dd/base/cursor.h"
#include "dd/base/error.h"
#include "dd/base/log.h"
#include "dd/link/key.h"
#include "dd/link/wire.h"

/* A step of the wall clock by more than DRIFT_US begins a session, and so does a drift that adds up to it. A sleep moves both
 * clocks alike, but for the error of the machine's clock chip. A process that is stopped between reading the two sees a drift
 * that is none; that costs a session, and no harm is done. */
enum { NONCE_BYTES = 12, DRIFT_US = DD_CLOCK_US_PER_S };

struct dd_seal {
    struct dd_key key;
    struct dd_wire_header header; /* of the next datagram */
    /* Wall clock less boot-time clock when the session began. A sleep and a pause move both, and the session goes on; a clock
     * that is set moves one, and a new session begins. */
    int64_t clock_offset_us;
    uint64_t other_start_us; /* of the newest session of another process; 0: none is known */
    EVP_CIPHER_CTX *cipher;  /* keyed with the session's packet key */
};

static int64_t clock_offset_us(void)
{
    return (int64_t)(dd_clock_wall_us() - dd_clock_now_us());
}

struct dd_seal *dd_seal_new(const struct dd_key *key, uint64_t last_start_us)
{
    struct dd_seal *s = calloc(1, sizeof *s);
    if (!s) {
        dd_log_error("out of memory");
        return NULL;
    }
    s->key = *key;
    s->header.key_id = key->id;
    s->header.session_start_us = last_start_us;
    s->cipher = EVP_CIPHER_CTX_new();
    if (!s->cipher || dd_seal_begin(s)) {
        dd_seal_free(s);
        return NULL;
    }
    return s;
}

void dd_seal_free(struct dd_seal *s)
{
    if (!s)
        return;
    EVP_CIPHER_CTX_free(s->cipher);
    explicit_bzero(s, sizeof *s);
    free(s);
}

int dd_seal_begin(struct dd_seal *s)
{
    uint8_t header[DD_WIRE_HEADER_BYTES], packet_key[DD_KEY_BYTES], salt[8];
    struct dd_wire_header next = {.key_id = s->key.id};
    uint64_t wall = dd_clock_wall_us();
    uint64_t last = s->header.session_start_us > s->other_start_us ? s->header.session_start_us : s->other_start_us;
    next.session_start_us = wall > last ? wall : last + 1;
    /* Of the kernel: the state of OpenSSL's generator is in this process, so a virtual machine that is resumed twice from one
     * snapshot would make the same salts. The kernel's generator is told by the hypervisor (vmgenid). */
    if (getrandom(salt, sizeof salt, 0) != sizeof salt) {
        dd_log_error("the kernel has no random bytes: %s", strerror(errno));
        return DD_ERROR_CRYPTO;
    }
    struct dd_cursor c = dd_cursor_reader(salt, sizeof salt);
    next.session_salt = dd_cursor_read_u64(&c);
    dd_wire_write_header(&next, header);
    int error = dd_key_packet(&s->key, header + 8, packet_key);
    if (!error && EVP_EncryptInit_ex2(s->cipher, EVP_aes_256_gcm(), packet_key, NULL, NULL) != 1) {
        dd_log_error("OpenSSL has no AES-256-GCM");
        error = DD_ERROR_CRYPTO;
    }
    explicit_bzero(packet_key, sizeof packet_key);
    if (!error) {
        s->header = next;
        s->clock_offset_us = clock_offset_us();
    }
    return error;
}

void dd_seal_note_other_session(struct dd_seal *s, uint64_t start_us)
{
    if (start_us > s->other_start_us)
        s->other_start_us = start_us;
}

bool dd_seal_due(const struct dd_seal *s, uint64_t datagrams)
{
    int64_t drift = clock_offset_us() - s->clock_offset_us;
    return s->header.counter + datagrams > DD_WIRE_SESSION_DATAGRAMS || drift > DRIFT_US || drift < -DRIFT_US ||
           s->other_start_us >= s->header.session_start_us;
}

uint64_t dd_seal_session_start_us(const struct dd_seal *s)
{
    return s->header.session_start_us;
}

uint64_t dd_seal_session_salt(const struct dd_seal *s)
{
    return s->header.session_salt;
}

uint64_t dd_seal_count(const struct dd_seal *s)
{
    return s->header.counter;
}

size_t dd_seal_datagram(struct dd_seal *s, const uint8_t *message, size_t size, uint8_t *datagram)
{
    uint8_t nonce[NONCE_BYTES] = {0};
    uint8_t *text = datagram + DD_WIRE_HEADER_BYTES;
    int n = 0;
    if (s->header.counter >= DD_WIRE_SESSION_DATAGRAMS ||
        size > DD_WIRE_DATAGRAM_MAX - DD_WIRE_HEADER_BYTES - DD_WIRE_TAG_BYTES) {
        dd_log_error("a session is used up, or a message is too long: not sealed");
        return 0;
    }
    dd_wire_write_header(&s->header, datagram);
    memcpy(nonce + 4, datagram + 24, 8);
    /* Counted before anything is encrypted: whatever fails below, this nonce is not used again. */
    s->header.counter++;
    if (EVP_EncryptInit_ex2(s->cipher, NULL, NULL, nonce, NULL) != 1 ||
        EVP_EncryptUpdate(s->cipher, NULL, &n, datagram, DD_WIRE_HEADER_BYTES) != 1 ||
        EVP_EncryptUpdate(s->cipher, text, &n, message, (int)size) != 1 || (size_t)n != size ||
        EVP_EncryptFinal_ex(s->cipher, text + size, &n) != 1 ||
        EVP_CIPHER_CTX_ctrl(s->cipher, EVP_CTRL_AEAD_GET_TAG, DD_WIRE_TAG_BYTES, text + size) != 1) {
        dd_log_error("OpenSSL cannot encrypt");
        return 0;
    }
    return DD_WIRE_HEADER_BYTES + size + DD_WIRE_TAG_BYTES;
}
