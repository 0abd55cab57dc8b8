#include "dd/link/unseal.h"

#include <openssl/evp.h>
#include <stdlib.h>
#include <string.h>

#include "dd/base/clock.h"
#include "dd/base/error.h"
#include "dd/base/log.h"
#include "dd/link/key.h"
#include "dd/link/replay.h"
#include "dd/link/wire.h"

enum { NONCE_BYTES = 12 };
#define GRACE_US (UINT64_C(5) * DD_CLOCK_US_PER_S)
#define AHEAD_US (UINT64_C(86400) * DD_CLOCK_US_PER_S)

struct session {
    uint64_t number; /* counts accepted sessions, from 1; 0: none */
    uint64_t start_us, salt;
    EVP_CIPHER_CTX *cipher; /* keyed with its packet key */
    struct dd_replay replay;
    uint64_t first; /* the lowest counter that is known to have been sent while somebody was here to receive it */
};

struct dd_unseal {
    struct dd_key key;
    struct session newest, before;
    uint64_t before_until_us; /* dd_clock_now_us() until which the one before counts */
    /* A session that nothing has authenticated yet: kept, so that a flood of one forged header costs one derivation. */
    struct session candidate;
};

static bool is_session(const struct session *s, const struct dd_wire_header *header)
{
    return s->number && s->start_us == header->session_start_us && s->salt == header->session_salt;
}

/* Decrypts into scratch; true if the tag is right. */
static bool authenticates(EVP_CIPHER_CTX *cipher, const uint8_t *datagram, size_t size, uint8_t *scratch)
{
    uint8_t nonce[NONCE_BYTES] = {0}, tag[DD_WIRE_TAG_BYTES];
    size_t text_size = size - DD_WIRE_HEADER_BYTES - DD_WIRE_TAG_BYTES;
    int n = 0;
    memcpy(nonce + 4, datagram + 24, 8);
    memcpy(tag, datagram + size - sizeof tag, sizeof tag);
    return EVP_DecryptInit_ex2(cipher, NULL, NULL, nonce, NULL) == 1 &&
           EVP_DecryptUpdate(cipher, NULL, &n, datagram, DD_WIRE_HEADER_BYTES) == 1 &&
           EVP_DecryptUpdate(cipher, scratch, &n, datagram + DD_WIRE_HEADER_BYTES, (int)text_size) == 1 &&
           EVP_CIPHER_CTX_ctrl(cipher, EVP_CTRL_AEAD_SET_TAG, DD_WIRE_TAG_BYTES, tag) == 1 &&
           EVP_DecryptFinal_ex(cipher, scratch + text_size, &n) == 1;
}

/* Keys the candidate for the header's session. */
static bool prepare_candidate(struct dd_unseal *u, const struct dd_wire_header *header, const uint8_t *datagram)
{
    uint8_t packet_key[DD_KEY_BYTES];
    struct session *c = &u->candidate;
    if (is_session(c, header))
        return true;
    c->number = 0;
    bool keyed = dd_key_packet(&u->key, datagram + 8, packet_key) == 0 &&
                 EVP_DecryptInit_ex2(c->cipher, EVP_aes_256_gcm(), packet_key, NULL, NULL) == 1;
    explicit_bzero(packet_key, sizeof packet_key);
    if (!keyed)
        return false;
    c->number = 1;
    c->start_us = header->session_start_us;
    c->salt = header->session_salt;
    return true;
}

/* The candidate has authenticated: it becomes the newest, and the newest the one before. The very first one may have gone on
 * for long before counter; those that follow begin before our eyes. */
static void promote_candidate(struct dd_unseal *u, uint64_t counter, uint64_t now_us)
{
    EVP_CIPHER_CTX *spare = u->before.cipher;
    uint64_t number = u->newest.number + 1;
    u->before = u->newest;
    u->before_until_us = now_us + GRACE_US;
    u->newest = u->candidate;
    u->newest.number = number;
    u->newest.first = number == 1 ? counter : 0;
    memset(&u->newest.replay, 0, sizeof u->newest.replay);
    memset(&u->candidate, 0, sizeof u->candidate);
    u->candidate.cipher = spare;
}

struct dd_unseal *dd_unseal_new(const struct dd_key *key)
{
    struct dd_unseal *u = calloc(1, sizeof *u);
    if (!u)
        goto err0;
    u->key = *key;
    u->newest.cipher = EVP_CIPHER_CTX_new();
    u->before.cipher = EVP_CIPHER_CTX_new();
    u->candidate.cipher = EVP_CIPHER_CTX_new();
    if (!u->newest.cipher || !u->before.cipher || !u->candidate.cipher)
        goto err1;
    return u;

err1:
    dd_unseal_free(u);
err0:
    dd_log_error("out of memory");
    return NULL;
}

void dd_unseal_free(struct dd_unseal *u)
{
    if (!u)
        return;
    EVP_CIPHER_CTX_free(u->newest.cipher);
    EVP_CIPHER_CTX_free(u->before.cipher);
    EVP_CIPHER_CTX_free(u->candidate.cipher);
    explicit_bzero(u, sizeof *u);
    free(u);
}

/* Session order: the session that the header may belong to; NULL: refused. */
static struct session *find_session(struct dd_unseal *u, const struct dd_wire_header *header, uint64_t now_us, uint64_t wall_us)
{
    if (is_session(&u->newest, header))
        return &u->newest;
    if (is_session(&u->before, header) && now_us < u->before_until_us)
        return &u->before;
    if (u->newest.number && header->session_start_us <= u->newest.start_us)
        return NULL;
    if (header->session_start_us > wall_us && header->session_start_us - wall_us > AHEAD_US)
        return NULL;
    return &u->candidate;
}

/* Notes that counter has arrived. How many datagrams more are now known to have been sent. */
static uint64_t mark(struct session *s, uint64_t counter)
{
    uint64_t known = s->replay.next > s->first ? s->replay.next - s->first : 0;
    dd_replay_mark(&s->replay, counter);
    if (counter < s->first)
        s->first = counter;
    return s->replay.next - s->first - known;
}

uint64_t dd_unseal_count_from_start(struct dd_unseal *u, uint64_t session)
{
    struct session *s = session == u->newest.number ? &u->newest : session == u->before.number ? &u->before : NULL;
    uint64_t count = s ? s->first : 0;
    if (s)
        s->first = 0;
    return count;
}

enum dd_unseal_verdict dd_unseal_datagram(struct dd_unseal *u, const struct dd_wire_header *header, const uint8_t *datagram,
                                          size_t size, uint8_t *scratch, uint64_t now_us, uint64_t wall_us,
                                          struct dd_unseal_message *message)
{
    memset(message, 0, sizeof *message);
    struct session *s = find_session(u, header, now_us, wall_us);
    if (!s)
        return DD_UNSEAL_SESSION;
    if (header->counter >= DD_WIRE_SESSION_DATAGRAMS)
        return DD_UNSEAL_REPLAY;
    if (s != &u->candidate && !dd_replay_fresh(&s->replay, header->counter))
        return DD_UNSEAL_REPLAY;
    if (s == &u->candidate && !prepare_candidate(u, header, datagram))
        return DD_UNSEAL_FORGED;
    if (!authenticates(s->cipher, datagram, size, scratch))
        return DD_UNSEAL_FORGED;
    if (s == &u->candidate) {
        promote_candidate(u, header->counter, now_us);
        s = &u->newest;
    }
    message->new_counters = mark(s, header->counter);
    message->bytes = scratch;
    message->size = size - DD_WIRE_HEADER_BYTES - DD_WIRE_TAG_BYTES;
    message->session = s->number;
    message->newest = u->newest.number;
    return DD_UNSEAL_ACCEPTED;
}
