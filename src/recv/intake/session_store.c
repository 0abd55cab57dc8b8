#include "recv/intake/session_store.h"

#include <errno.h>
#include <fcntl.h>
#include <isa-l/crc64.h>
#include <limits.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "dd/base/clock.h"
#include "dd/base/error.h"
#include "dd/base/file.h"
#include "dd/base/log.h"
#include "dd/link/wire.h"

enum { PAGE = 4096, COPIES = 2, PERIOD_US = DD_CLOCK_US_PER_S };
enum { MARGIN_S = 4, UNKNOWN_A_SECOND = 1000 /* what is taken for most_a_second until it is known */ };
enum { VERSION = 1 };

static const char magic[8] = "ddkeep";

/* The session that somebody wants to be admitted: number goes up with each. */
struct wish {
    uint64_t start_us, salt;
    _Atomic uint32_t number;
    uint32_t reserved;
};

/* A page: the live one, and the copies of it. */
struct page {
    char magic[8];
    uint32_t version, size; /* of struct page */
    char boot_id[DD_RECV_SESSION_STORE_BOOT_SIZE + 3];
    uint64_t sequence; /* of copies: which is the newer one */
    struct dd_recv_session_state live;
    uint64_t checksum; /* of copies: of all before it */
};

struct file {
    struct page live;
    uint8_t fill0[PAGE - sizeof(struct page)];
    struct {
        struct page page;
        uint8_t fill[PAGE - sizeof(struct page)];
    } copies[COPIES];
    struct wish wish;
    uint8_t fill1[PAGE - sizeof(struct wish)];
};

_Static_assert(sizeof(struct file) == (2 + COPIES) * PAGE, "a page each");

struct dd_recv_session_store {
    struct file *file;
    uint32_t wish_number; /* that was taken */
    uint64_t copied_us;   /* 0: not yet */
    /* as of the last copy; start_us 0: of nothing that this process has seen */
    uint64_t start_us, next;
};

/* ---- the file ---- */

static int open_file(const char *state_dir, const char *stream, int flags)
{
    char path[PATH_MAX];
    if (!*state_dir)
        return memfd_create("dd-keep", MFD_CLOEXEC);
    if ((size_t)snprintf(path, sizeof path, "%s/replay-%s", state_dir, stream) >= sizeof path) {
        errno = ENAMETOOLONG;
        return -1;
    }
    return open(path, O_RDWR | O_CLOEXEC | O_NOFOLLOW | flags, 0600);
}

int dd_recv_session_store_open_file(const char *state_dir, const char *stream)
{
    struct stat s;
    int fd = open_file(state_dir, stream, O_CREAT);
    int error = fd < 0 ? errno : 0;
    /* all of its blocks now: a full disk must not be found out when memory is written */
    if (!error)
        error = posix_fallocate(fd, 0, sizeof(struct file));
    if (!error && (fstat(fd, &s) < 0 || !S_ISREG(s.st_mode)))
        error = EINVAL;
    if (!error && *state_dir && flock(fd, LOCK_EX | LOCK_NB) < 0)
        error = errno;
    if (!error)
        return fd;
    dd_log_error("cannot keep the replay state of %s in %s: %s", stream, state_dir,
                 error == EWOULDBLOCK ? "another ddrecv does; give each a state_dir of its own" : strerror(error));
    if (fd >= 0)
        close(fd);
    return error == EWOULDBLOCK ? DD_ERROR_INPUT : DD_ERROR_SYSTEM;
}

void dd_recv_session_store_close_file(int fd)
{
    flock(fd, LOCK_UN);
    close(fd);
}

void dd_recv_session_store_read_boot_id(char boot_id[static DD_RECV_SESSION_STORE_BOOT_SIZE])
{
    char text[2 * DD_RECV_SESSION_STORE_BOOT_SIZE];
    long size = dd_file_read("/proc/sys/kernel/random/boot_id", text, sizeof text, false);
    memset(boot_id, 0, DD_RECV_SESSION_STORE_BOOT_SIZE);
    if (size >= DD_RECV_SESSION_STORE_BOOT_SIZE - 1)
        memcpy(boot_id, text, DD_RECV_SESSION_STORE_BOOT_SIZE - 1);
}

static struct file *map(int fd)
{
    struct stat s;
    if (fstat(fd, &s) < 0 || s.st_size < (off_t)sizeof(struct file)) {
        dd_log_error("the file of a replay state is not one: it has to have %zu bytes", sizeof(struct file));
        return NULL;
    }
    void *file = mmap(NULL, sizeof(struct file), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    if (file != MAP_FAILED)
        return file;
    dd_log_error("cannot map the replay state: %s", strerror(errno));
    return NULL;
}

int dd_recv_session_store_request_admission(const char *state_dir, const char *stream, uint64_t start_us, uint64_t salt)
{
    int fd = open_file(state_dir, stream, 0);
    if (fd < 0) {
        dd_log_error("%s/replay-%s: %s; is it the state_dir and the name of a stream of this ddrecv?", state_dir, stream,
                     strerror(errno));
        return DD_ERROR_INPUT;
    }
    struct file *file = map(fd);
    int error = DD_ERROR_SYSTEM;
    if (file) {
        file->wish.start_us = start_us;
        file->wish.salt = salt;
        atomic_fetch_add(&file->wish.number, 1);
        munmap(file, sizeof *file);
        error = 0;
    }
    close(fd);
    return error;
}

/* ---- what it holds ---- */

static uint64_t checksum(const struct page *page)
{
    return crc64_ecma_refl(0, (const unsigned char *)page, offsetof(struct page, checksum));
}

static bool is_sound(const struct page *page)
{
    return memcmp(page->magic, magic, sizeof magic) == 0 && page->version == VERSION && page->size == sizeof *page &&
           page->live.session.replay.next <= DD_WIRE_SESSION_DATAGRAMS;
}

/* The newer of the copies that are whole, NULL if none is. */
static const struct page *find_copy(const struct file *file)
{
    const struct page *newest = NULL;
    for (size_t i = 0; i < COPIES; i++) {
        const struct page *page = &file->copies[i].page;
        if (is_sound(page) && page->checksum == checksum(page) && (!newest || page->sequence > newest->sequence))
            newest = page;
    }
    return newest;
}

/* After another boot: what was accepted since the copy was made is not known, so nobody gets it accepted now. */
static void take_copy(struct page *live, const struct page *copy)
{
    struct dd_unseal_memory *session = &live->live.session;
    live->live = copy->live;
    live->sequence = copy->sequence;
    uint64_t rate = live->live.most_a_second ? live->live.most_a_second : UNKNOWN_A_SECOND;
    uint64_t next = session->replay.next + MARGIN_S * rate;
    if (session->start_us)
        dd_replay_window_skip(&session->replay, next < DD_WIRE_SESSION_DATAGRAMS ? next : DD_WIRE_SESSION_DATAGRAMS);
    /* by a clock that began anew */
    dd_delay_forget(&live->live.delay);
    live->live.status_counter = 0;
}

struct dd_recv_session_store *dd_recv_session_store_map(int fd, const char *boot_id, const char *stream)
{
    static const char nothing[sizeof magic];
    struct dd_recv_session_store *k = calloc(1, sizeof *k);
    if (!k) {
        dd_log_error("out of memory");
        return NULL;
    }
    k->file = map(fd);
    if (!k->file) {
        free(k);
        return NULL;
    }
    struct page *live = &k->file->live;
    const struct page *copy = find_copy(k->file);
    bool is_new = memcmp(live->magic, nothing, sizeof magic) == 0;
    bool is_exact = is_sound(live) && *boot_id && strncmp(live->boot_id, boot_id, sizeof live->boot_id) == 0;
    /* a process that dies while it begins a session leaves none */
    if (!is_exact || (!live->live.session.start_us && copy)) {
        memset(live, 0, sizeof *live);
        if (copy)
            take_copy(live, copy);
        else if (!is_new)
            dd_log_warning("%s: its replay state is damaged: what was recorded before now could be accepted once more", stream);
        memcpy(live->magic, magic, sizeof magic);
        live->version = VERSION;
        live->size = sizeof *live;
        snprintf(live->boot_id, sizeof live->boot_id, "%s", boot_id);
    }
    return k;
}

void dd_recv_session_store_unmap(struct dd_recv_session_store *k)
{
    if (!k)
        return;
    munmap(k->file, sizeof *k->file);
    free(k);
}

struct dd_recv_session_state *dd_recv_session_store_state(struct dd_recv_session_store *k)
{
    return &k->file->live.live;
}

/* ---- from now on ---- */

/* Between two copies of one session, of which both saw datagrams come: a pause in between counts with its length. */
static void note_speed(struct dd_recv_session_store *k, uint64_t now_us)
{
    struct dd_recv_session_state *live = dd_recv_session_store_state(k);
    uint64_t seconds = (now_us - k->copied_us) / DD_CLOCK_US_PER_S, next = live->session.replay.next;
    if (k->start_us && k->start_us == live->session.start_us) {
        uint64_t rate = (next - k->next) / (seconds ? seconds : 1) + 1;
        if (rate > live->most_a_second)
            live->most_a_second = rate;
    }
    k->start_us = live->session.start_us;
    k->next = next;
}

void dd_recv_session_store_checkpoint(struct dd_recv_session_store *k, uint64_t now_us)
{
    struct page *live = &k->file->live;
    bool has_begun = live->live.session.start_us != k->start_us;
    /* without news the disk may sleep */
    if (!has_begun && (live->live.session.replay.next == k->next || now_us - k->copied_us < PERIOD_US))
        return;
    note_speed(k, now_us);
    live->sequence++;
    struct page *copy = &k->file->copies[live->sequence % COPIES].page;
    memcpy(copy, live, sizeof *copy);
    copy->checksum = checksum(copy);
    k->copied_us = now_us;
}

void dd_recv_session_store_retire(struct dd_recv_session_state *live, uint32_t key_id)
{
    if (!dd_recv_session_store_is_retired(live, key_id))
        live->retired[live->retired_count++ % DD_RECV_SESSION_STORE_RETIRED_MAX] = key_id;
}

bool dd_recv_session_store_is_retired(const struct dd_recv_session_state *live, uint32_t key_id)
{
    for (uint64_t i = 0; i < live->retired_count && i < DD_RECV_SESSION_STORE_RETIRED_MAX; i++)
        if (live->retired[i] == key_id)
            return true;
    return false;
}

bool dd_recv_session_store_is_admitted(struct dd_recv_session_store *k, uint64_t *start_us, uint64_t *salt)
{
    uint32_t number = atomic_load(&k->file->wish.number);
    *start_us = k->file->wish.start_us;
    *salt = k->file->wish.salt;
    bool is_new = number != k->wish_number && *start_us;
    k->wish_number = number;
    return is_new;
}

void dd_recv_session_store_end_admission(struct dd_recv_session_store *k, uint64_t start_us, uint64_t salt)
{
    if (k->file->wish.start_us == start_us && k->file->wish.salt == salt)
        k->file->wish.start_us = 0;
}
