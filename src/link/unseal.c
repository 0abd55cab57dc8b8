#include "dd/link/unseal.h"

#include <openssl/evp.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include "dd/base/clock.h"
#include "dd/base/log.h"
#include "dd/link/key.h"
#include "dd/link/replay_window.h"
#include "dd/link/wire.h"

enum { NONCE_BYTES = 12 };
/* How long datagrams of the session before are accepted, by the clock since boot. A machine that sleeps, or a process that is
 * stopped, for longer ends it, and what waits in the socket then is lost: it would be shown no more anyway. */
#define GRACE_US (UINT64_C(5) * DD_CLOCK_US_PER_S)
/* How far ahead of the wall clock a session may begin: nothing else here looks at that clock. While it is set back by more, new
 * sessions are refused, and the one in use goes on. Set ahead, it lets in what is right later. */
#define AHEAD_US (UINT64_C(86400) * DD_CLOCK_US_PER_S)

struct session {
    uint64_t number; /* counts accepted sessions, from 1; 0: none */
    uint64_t start_us, salt;
    EVP_CIPHER_CTX *cipher; /* keyed with its packet key */
    /* Counters from first, the lowest that arrived, up to the highest count as sent. Those below floor were already counted by
     * the previous process. */
    uint64_t first, floor;
};

struct dd_unseal {
    struct dd_key key;
    struct session newest, before;
    struct dd_replay_window before_replay;
    uint64_t before_until_us; /* dd_clock_now_us() until which datagrams of before are accepted */
    /* The latest session that nothing has authenticated yet. It is cached, so a flood with one forged header costs one key
     * derivation. */
    struct session candidate;
    uint64_t admitted_start_us, admitted_salt; /* start 0: none */
    uint64_t admitted_next;                    /* counters of it below this one are refused */
    struct dd_unseal_memory *memory;           /* borrowed; holds the newest session's replay window */
};

static bool is_session(const struct session *s, const struct dd_wire_header *header)
{
    return s->number && s->start_us == header->session_start_us && s->salt == header->session_salt;
}

static bool is_admitted(const struct dd_unseal *u, uint64_t start_us, uint64_t salt)
{
    return u->admitted_start_us && start_us == u->admitted_start_us && salt == u->admitted_salt;
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

/* Gives cipher the packet key of the datagram's session. */
static bool key_cipher(EVP_CIPHER_CTX *cipher, const struct dd_key *key, const uint8_t *datagram)
{
    uint8_t packet_key[DD_KEY_BYTES];
    bool keyed = dd_key_packet(key, datagram + 8, packet_key) == 0 &&
                 EVP_DecryptInit_ex2(cipher, EVP_aes_256_gcm(), packet_key, NULL, NULL) == 1;
    explicit_bzero(packet_key, sizeof packet_key);
    return keyed;
}

/* Sets s, which has a cipher, to the header's session and keys the cipher. */
static bool key_session(struct dd_unseal *u, struct session *s, const struct dd_wire_header *header, const uint8_t *datagram)
{
    s->number = 0;
    if (!key_cipher(s->cipher, &u->key, datagram))
        return false;
    s->number = 1;
    s->start_us = header->session_start_us;
    s->salt = header->session_salt;
    return true;
}

static bool prepare_candidate(struct dd_unseal *u, const struct dd_wire_header *header, const uint8_t *datagram)
{
    return is_session(&u->candidate, header) || key_session(u, &u->candidate, header, datagram);
}

/* start_us is 0 while the rest is written: a process that dies here leaves no half-written session. */
static void write_memory(struct dd_unseal_memory *memory, const struct dd_unseal *u, const struct dd_replay_window *replay)
{
    uint64_t latest_us = u->memory->latest_us; /* read first: memory may be u->memory */
    memory->start_us = 0;
    atomic_signal_fence(memory_order_seq_cst);
    memory->key_id = u->key.id;
    memory->salt = u->newest.salt;
    memory->latest_us = u->newest.start_us > latest_us ? u->newest.start_us : latest_us;
    memory->replay = *replay;
    atomic_signal_fence(memory_order_seq_cst);
    memory->start_us = u->newest.number ? u->newest.start_us : 0;
}

/* The candidate has authenticated: it becomes the newest session, and the newest becomes the one before. The first session that
 * this process sees may have begun long before counter; of later ones it has heard the beginning. */
static void promote_candidate(struct dd_unseal *u, uint64_t counter, uint64_t now_us)
{
    struct dd_replay_window replay = {0};
    EVP_CIPHER_CTX *spare = u->before.cipher;
    uint64_t number = u->newest.number + 1;
    bool heard_before = u->newest.number && u->newest.first != UINT64_MAX;
    u->before = u->newest;
    u->before_replay = u->memory->replay;
    u->before_until_us = now_us + GRACE_US;
    u->newest = u->candidate;
    u->newest.number = number;
    u->newest.first = heard_before ? 0 : counter;
    u->newest.floor = 0;
    if (is_admitted(u, u->newest.start_us, u->newest.salt))
        dd_replay_window_skip(&replay, u->admitted_next);
    write_memory(u->memory, u, &replay);
    memset(&u->candidate, 0, sizeof u->candidate);
    u->candidate.cipher = spare;
    u->admitted_start_us = 0;
}

/* Continues the session in memory. */
static bool restore(struct dd_unseal *u)
{
    struct session *s = &u->newest;
    struct dd_wire_header header = {.session_start_us = u->memory->start_us, .session_salt = u->memory->salt};
    uint8_t bytes[DD_WIRE_HEADER_BYTES];
    dd_wire_write_header(&header, bytes);
    if (!key_session(u, s, &header, bytes))
        return false;
    if (u->memory->latest_us < u->memory->start_us)
        u->memory->latest_us = u->memory->start_us;
    s->first = UINT64_MAX;
    s->floor = u->memory->replay.next;
    return true;
}

struct dd_unseal *dd_unseal_new(const struct dd_key *key, struct dd_unseal_memory *memory)
{
    struct dd_unseal *u = calloc(1, sizeof *u);
    if (!u)
        goto err0;
    u->key = *key;
    u->memory = memory;
    u->newest.cipher = EVP_CIPHER_CTX_new();
    u->before.cipher = EVP_CIPHER_CTX_new();
    u->candidate.cipher = EVP_CIPHER_CTX_new();
    if (!u->newest.cipher || !u->before.cipher || !u->candidate.cipher)
        goto err1;
    if (memory->key_id == key->id && memory->start_us) {
        if (!restore(u))
            goto err2;
    } else {
        memset(memory, 0, sizeof *memory);
    }
    return u;

err2:
    dd_unseal_free(u);
    dd_log_error("cannot derive the packet key of the newest session");
    return NULL;
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

static struct dd_replay_window *replay_of(struct dd_unseal *u, const struct session *s)
{
    return s == &u->newest ? &u->memory->replay : &u->before_replay;
}

/* Checks the session order. *found is the session that the header may belong to; NULL if it is refused. */
static enum dd_unseal_verdict find_session(struct dd_unseal *u, const struct dd_wire_header *header, uint64_t now_us,
                                           uint64_t wall_us, struct session **found)
{
    *found = NULL;
    if (is_session(&u->newest, header)) {
        *found = &u->newest;
    } else if (is_session(&u->before, header) && now_us < u->before_until_us) {
        *found = &u->before;
    } else if (is_admitted(u, header->session_start_us, header->session_salt)) {
        if (header->counter < u->admitted_next)
            return DD_UNSEAL_REPLAY;
    } else {
        if (u->newest.number && header->session_start_us <= u->memory->latest_us)
            return DD_UNSEAL_SESSION;
        if (header->session_start_us > wall_us && header->session_start_us - wall_us > AHEAD_US)
            return DD_UNSEAL_AHEAD;
    }
    if (!*found)
        *found = &u->candidate;
    return DD_UNSEAL_ACCEPTED;
}

/* Checks session order and replay window. *found as above, if it is DD_UNSEAL_ACCEPTED. */
static enum dd_unseal_verdict check_order(struct dd_unseal *u, const struct dd_wire_header *header, uint64_t now_us,
                                          uint64_t wall_us, struct session **found)
{
    enum dd_unseal_verdict verdict = find_session(u, header, now_us, wall_us, found);
    if (verdict != DD_UNSEAL_ACCEPTED)
        return verdict;
    if (header->counter >= DD_WIRE_SESSION_DATAGRAMS)
        return DD_UNSEAL_REPLAY;
    if (*found != &u->candidate && !dd_replay_window_fresh(replay_of(u, *found), header->counter))
        return DD_UNSEAL_REPLAY;
    return DD_UNSEAL_ACCEPTED;
}

/* Marks counter as arrived. Returns how many more datagrams are now known to have been sent. */
static uint64_t mark(struct session *s, struct dd_replay_window *replay, uint64_t counter)
{
    uint64_t known = replay->next > s->first ? replay->next - s->first : 0;
    dd_replay_window_mark(replay, counter);
    if (counter < s->floor)
        return 1;
    if (counter < s->first)
        s->first = counter;
    return replay->next - s->first - known;
}

void dd_unseal_move(struct dd_unseal *u, struct dd_unseal_memory *memory)
{
    if (memory == u->memory)
        return;
    write_memory(memory, u, &u->memory->replay);
    u->memory = memory;
}

void dd_unseal_admit(struct dd_unseal *u, uint64_t start_us, uint64_t salt, uint64_t next)
{
    u->admitted_start_us = start_us;
    u->admitted_salt = salt;
    u->admitted_next = next;
}

bool dd_unseal_before(const struct dd_unseal *u, uint64_t *start_us, uint64_t *salt, uint64_t *next)
{
    *start_us = u->before.start_us;
    *salt = u->before.salt;
    *next = u->before_replay.next;
    return u->before.number != 0;
}

enum dd_unseal_verdict dd_unseal_check_order(struct dd_unseal *u, const struct dd_wire_header *header, uint64_t now_us,
                                             uint64_t wall_us)
{
    struct session *found;
    return check_order(u, header, now_us, wall_us, &found);
}

bool dd_unseal_is_authentic(const struct dd_key *key, const uint8_t *datagram, size_t size, uint8_t *scratch)
{
    EVP_CIPHER_CTX *cipher = EVP_CIPHER_CTX_new();
    bool is_authentic = cipher && key_cipher(cipher, key, datagram) && authenticates(cipher, datagram, size, scratch);
    EVP_CIPHER_CTX_free(cipher);
    return is_authentic;
}

uint64_t dd_unseal_count_from_start(struct dd_unseal *u, uint64_t session)
{
    struct session *s = session == u->newest.number ? &u->newest : session == u->before.number ? &u->before : NULL;
    uint64_t count = s && !s->floor ? s->first : 0;
    if (count)
        s->first = 0;
    return count;
}

enum dd_unseal_verdict dd_unseal_datagram(struct dd_unseal *u, const struct dd_wire_header *header, const uint8_t *datagram,
                                          size_t size, uint8_t *scratch, uint64_t now_us, uint64_t wall_us,
                                          struct dd_unseal_message *message)
{
    memset(message, 0, sizeof *message);
    struct session *s;
    enum dd_unseal_verdict verdict = check_order(u, header, now_us, wall_us, &s);
    if (verdict != DD_UNSEAL_ACCEPTED)
        return verdict;
    if (s == &u->candidate && !prepare_candidate(u, header, datagram))
        return DD_UNSEAL_FORGED;
    if (!authenticates(s->cipher, datagram, size, scratch))
        return DD_UNSEAL_FORGED;
    if (s == &u->candidate) {
        promote_candidate(u, header->counter, now_us);
        s = &u->newest;
    }
    message->new_counters = mark(s, replay_of(u, s), header->counter);
    message->bytes = scratch;
    message->size = size - DD_WIRE_HEADER_BYTES - DD_WIRE_TAG_BYTES;
    message->session = s->number;
    message->newest = u->newest.number;
    message->heard_from_start = s->first == 0 && s->floor == 0;
    return DD_UNSEAL_ACCEPTED;
}
