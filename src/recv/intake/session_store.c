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

#include "dd/base/boot_id.h"
#include "dd/base/clock.h"
#include "dd/base/error.h"
#include "dd/base/log.h"
#include "dd/link/wire.h"

enum { PAGE = 4096, CHECKPOINTS = 2, PERIOD_US = DD_CLOCK_US_PER_S };
enum { MARGIN_S = 4, DEFAULT_COUNTERS_PER_S = 1000 };
enum { VERSION = 2, VERSION_BEFORE = 1 };

static const char magic[8] = "ddkeep";

/* What the command line asks of intake: the session that is to be admitted (start_us 0: none; number grows with each request),
 * and that the delay be forgotten. */
struct request {
    uint64_t start_us, salt;
    _Atomic uint32_t number;
    uint32_t reserved;
    _Atomic uint32_t resets_requested, resets_done; /* of the delay */
};

/* The current state, or a checkpoint of it. */
struct page {
    char magic[8];
    uint32_t version, size; /* of struct page */
    char boot_id[DD_BOOT_ID_SIZE + 3];
    uint64_t sequence; /* the newer checkpoint has the higher one */
    struct dd_recv_session_state state;
    uint64_t checksum; /* of checkpoints only: over all fields before it */
};

struct file {
    struct page current;
    uint8_t fill0[PAGE - sizeof(struct page)];
    struct {
        struct page page;
        uint8_t fill[PAGE - sizeof(struct page)];
    } checkpoints[CHECKPOINTS];
    struct request request;
    uint8_t fill1[PAGE - sizeof(struct request)];
};

_Static_assert(sizeof(struct file) == (2 + CHECKPOINTS) * PAGE, "a page each");

/* The version before had its checksum where the delay is now, and ended there. */
enum { CHECKED_BYTES = offsetof(struct page, checksum), CHECKED_BYTES_BEFORE = offsetof(struct page, state.delay) };

struct dd_recv_session_store {
    struct file *file;
    uint32_t request_number; /* of the last request that was returned */
    uint64_t checkpoint_us;  /* dd_clock_now_us() of the last checkpoint; 0: none yet */
    uint64_t start_us, next; /* of the session at the last checkpoint; start_us 0: this process has made none */
};

/* ---- the file ---- */

static int open_file(const char *state_dir, const char *stream, int flags)
{
    char path[PATH_MAX];
    if (!*state_dir)
        return memfd_create("dd-session", MFD_CLOEXEC);
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
    /* Allocates all blocks now: on a full disk, writing to the mapped memory would kill the process. */
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

/* The command line and the supervisor of a running ddrecv both change the requests in the file, one at a time. False if the other
 * has them, unless wait. */
static bool lock_request(int fd, short type, bool wait)
{
    struct flock lock = {
        .l_type = type, .l_whence = SEEK_SET, .l_start = offsetof(struct file, request), .l_len = sizeof(struct request)};
    return fcntl(fd, wait ? F_OFD_SETLKW : F_OFD_SETLK, &lock) == 0 || (errno != EAGAIN && errno != EACCES);
}

/* Maps the file of the running or coming ddrecv, for a request. Returned-owned, with its requests locked until
 * unmap_request(); NULL, logged, with *error set. */
static struct file *map_for_request(const char *state_dir, const char *stream, int *locked_fd, int *error)
{
    int fd = *locked_fd = open_file(state_dir, stream, 0);
    if (fd < 0) {
        dd_log_error("%s/replay-%s: %s; is it the state_dir and the name of a stream of this ddrecv?", state_dir, stream,
                     strerror(errno));
        *error = DD_ERROR_INPUT;
        return NULL;
    }
    struct file *file = map(fd);
    *error = file ? 0 : DD_ERROR_SYSTEM;
    if (file)
        lock_request(fd, F_WRLCK, true);
    *locked_fd = fd;
    return file;
}

/* Ends what map_for_request() began. */
static void unmap_request(struct file *file, int locked_fd)
{
    if (file)
        munmap(file, sizeof *file);
    if (locked_fd >= 0)
        close(locked_fd); /* and unlocks */
}

int dd_recv_session_store_request_admission(const char *state_dir, const char *stream, uint64_t start_us, uint64_t salt)
{
    int fd, error;
    struct file *file = map_for_request(state_dir, stream, &fd, &error);
    if (file) {
        file->request.start_us = start_us;
        file->request.salt = salt;
        atomic_fetch_add(&file->request.number, 1);
    }
    unmap_request(file, fd);
    return error;
}

int dd_recv_session_store_request_delay_reset(const char *state_dir, const char *stream)
{
    int fd, error;
    struct file *file = map_for_request(state_dir, stream, &fd, &error);
    if (file)
        atomic_fetch_add(&file->request.resets_requested, 1);
    unmap_request(file, fd);
    return error;
}

/* ---- restoring ---- */

static uint64_t checksum(const struct page *page, size_t bytes)
{
    return crc64_ecma_refl(0, (const unsigned char *)page, bytes);
}

static bool is_sound(const struct page *page)
{
    bool is_known = (page->version == VERSION && page->size == sizeof *page) ||
                    (page->version == VERSION_BEFORE && page->size == CHECKED_BYTES_BEFORE + sizeof page->checksum);
    return memcmp(page->magic, magic, sizeof magic) == 0 && is_known &&
           page->state.session.replay.next <= DD_WIRE_SESSION_DATAGRAMS;
}

static bool is_sound_checkpoint(const struct page *page)
{
    uint64_t stored;
    if (!is_sound(page))
        return false;
    size_t bytes = page->version == VERSION ? CHECKED_BYTES : CHECKED_BYTES_BEFORE;
    memcpy(&stored, (const uint8_t *)page + bytes, sizeof stored);
    return stored == checksum(page, bytes);
}

/* The newer of the checkpoints that are sound; NULL if none is. */
static const struct page *find_checkpoint(const struct file *file)
{
    const struct page *newest = NULL;
    for (size_t i = 0; i < CHECKPOINTS; i++) {
        const struct page *page = &file->checkpoints[i].page;
        if (is_sound_checkpoint(page) && (!newest || page->sequence > newest->sequence))
            newest = page;
    }
    return newest;
}

/* What version 1 did not know. */
static void complete(struct dd_recv_session_state *state)
{
    state->described_start_us = state->session.start_us;
    state->reserved = 0;
    dd_delay_forget(&state->delay);
    memset(state->ended, 0, sizeof state->ended);
    state->ended_count = 0;
}

static bool is_of_boot(const struct page *page, const char *boot_id)
{
    return *boot_id && strncmp(page->boot_id, boot_id, sizeof page->boot_id) == 0;
}

/* After another boot, or a death of the whole daemon. Which datagrams were accepted since the checkpoint is unknown, so the
 * counters of MARGIN_S seconds count as seen. After another boot the delay was measured with a clock that has started again
 * since. */
static void restore_checkpoint(struct page *current, const struct page *checkpoint, const char *boot_id)
{
    struct dd_unseal_memory *session = &current->state.session;
    current->state = checkpoint->state;
    current->sequence = checkpoint->sequence;
    if (checkpoint->version == VERSION_BEFORE)
        complete(&current->state);
    uint64_t rate = current->state.max_counters_per_s ? current->state.max_counters_per_s : DEFAULT_COUNTERS_PER_S;
    uint64_t next = session->replay.next + MARGIN_S * rate;
    if (session->start_us)
        dd_replay_window_skip(&session->replay, next < DD_WIRE_SESSION_DATAGRAMS ? next : DD_WIRE_SESSION_DATAGRAMS);
    if (is_of_boot(checkpoint, boot_id))
        return;
    dd_delay_forget(&current->state.delay);
    current->state.status_counter = 0;
}

struct dd_recv_session_store *dd_recv_session_store_map(int fd, const char *boot_id, const char *stream)
{
    static const char nothing[sizeof magic];
    struct dd_recv_session_store *store = calloc(1, sizeof *store);
    if (!store) {
        dd_log_error("out of memory");
        return NULL;
    }
    store->file = map(fd);
    if (!store->file) {
        free(store);
        return NULL;
    }
    struct page *current = &store->file->current;
    const struct page *checkpoint = find_checkpoint(store->file);
    bool is_new = memcmp(current->magic, nothing, sizeof magic) == 0;
    bool is_exact = is_sound(current) && is_of_boot(current, boot_id);
    /* start_us is 0 if the process died while it wrote a new session: then the checkpoint counts. */
    if (!is_exact || (!current->state.session.start_us && checkpoint)) {
        memset(current, 0, sizeof *current);
        if (checkpoint)
            restore_checkpoint(current, checkpoint, boot_id);
        else if (!is_new)
            dd_log_warning("%s: its replay state is damaged: what was recorded before now could be accepted once more", stream);
        memcpy(current->magic, magic, sizeof magic);
        current->version = VERSION;
        current->size = sizeof *current;
        snprintf(current->boot_id, sizeof current->boot_id, "%s", boot_id);
    } else if (current->version == VERSION_BEFORE) {
        complete(&current->state);
        current->version = VERSION;
        current->size = sizeof *current;
    }
    return store;
}

void dd_recv_session_store_unmap(struct dd_recv_session_store *store)
{
    if (!store)
        return;
    munmap(store->file, sizeof *store->file);
    free(store);
}

struct dd_recv_session_state *dd_recv_session_store_state(struct dd_recv_session_store *store)
{
    return &store->file->current.state;
}

/* ---- between the file and the memory, in the supervisor ---- */

static bool read_all(int fd, struct file *file)
{
    return pread(fd, file, sizeof *file, 0) == (ssize_t)sizeof *file;
}

/* Writes a part of *file to the same place of fd. 0 or an errno. */
static int write_part(int fd, const struct file *file, const void *part, size_t size)
{
    size_t at = (size_t)((const uint8_t *)part - (const uint8_t *)file);
    ssize_t written = pwrite(fd, part, size, (off_t)at);
    return written == (ssize_t)size ? 0 : written < 0 ? errno : EIO;
}

int dd_recv_session_store_load(int file_fd)
{
    struct file file;
    int fd = memfd_create("dd-session", MFD_CLOEXEC);
    if (fd < 0 || !read_all(file_fd, &file) || write_part(fd, &file, &file, sizeof file))
        goto err0;
    /* From now on the current state is in the memory only. If the whole daemon dies, the checkpoint counts. */
    memset(file.current.boot_id, 0, sizeof file.current.boot_id);
    if (write_part(file_fd, &file, file.current.boot_id, sizeof file.current.boot_id))
        goto err0;
    return fd;

err0:
    dd_log_error("cannot read a replay state: %s", strerror(errno));
    if (fd >= 0)
        close(fd);
    return DD_ERROR_SYSTEM;
}

/* What the command line has asked for goes to intake, what intake has done of it to the file. 0 or an errno. */
static int exchange_requests(int memory_fd, int file_fd)
{
    struct file memory, file;
    struct request *asked = &file.request, *done = &memory.request;
    if (!read_all(memory_fd, &memory) || !read_all(file_fd, &file))
        return EIO;
    if (asked->number == done->number && asked->resets_requested == done->resets_requested)
        return memcmp(asked, done, sizeof *done) == 0 ? 0 : write_part(file_fd, &memory, done, sizeof *done);
    /* intake looks at the number first, so it comes last */
    int error = 0;
    if (asked->number != done->number)
        error = write_part(memory_fd, &file, asked, offsetof(struct request, number));
    if (!error)
        error = write_part(memory_fd, &file, &asked->number, sizeof asked->number);
    return error ? error : write_part(memory_fd, &file, &asked->resets_requested, sizeof asked->resets_requested);
}

int dd_recv_session_store_save(int memory_fd, int file_fd, bool is_last)
{
    struct file memory, file;
    if (!read_all(memory_fd, &memory) || !read_all(file_fd, &file))
        return EIO;
    /* whoever has the lock, which may be for long, is not waited for: requests pass with the next save */
    int error = 0;
    if (lock_request(file_fd, F_WRLCK, false)) {
        error = exchange_requests(memory_fd, file_fd);
        lock_request(file_fd, F_UNLCK, false);
    }
    /* one that intake is just writing is not sound: it goes in the next turn, and the other one is there */
    for (size_t i = 0; i < CHECKPOINTS && !error; i++) {
        const struct page *page = &memory.checkpoints[i].page;
        if (is_sound_checkpoint(page) && memcmp(page, &file.checkpoints[i].page, sizeof *page) != 0)
            error = write_part(file_fd, &memory, page, sizeof *page);
    }
    if (is_last && !error)
        error = write_part(file_fd, &memory, &memory.current, sizeof memory.current);
    return error;
}

/* ---- running ---- */

/* Updates the highest rate by the counters since the last checkpoint, if that was of the same session. A pause in between, a
 * sleep of the machine included, lowers the average; the highest one is kept. now_us never steps. */
static void update_rate(struct dd_recv_session_store *store, uint64_t now_us)
{
    struct dd_recv_session_state *state = dd_recv_session_store_state(store);
    uint64_t seconds = (now_us - store->checkpoint_us) / DD_CLOCK_US_PER_S, next = state->session.replay.next;
    if (store->start_us && store->start_us == state->session.start_us) {
        uint64_t rate = (next - store->next) / (seconds ? seconds : 1) + 1;
        if (rate > state->max_counters_per_s)
            state->max_counters_per_s = rate;
    }
    store->start_us = state->session.start_us;
    store->next = next;
}

void dd_recv_session_store_checkpoint(struct dd_recv_session_store *store, uint64_t now_us)
{
    struct page *current = &store->file->current;
    bool has_begun = current->state.session.start_us != store->start_us;
    /* Nothing is written without a change, so that the disk may sleep. */
    if (!has_begun && (current->state.session.replay.next == store->next || now_us - store->checkpoint_us < PERIOD_US))
        return;
    update_rate(store, now_us);
    current->sequence++;
    struct page *checkpoint = &store->file->checkpoints[current->sequence % CHECKPOINTS].page;
    memcpy(checkpoint, current, sizeof *checkpoint);
    checkpoint->checksum = checksum(checkpoint, CHECKED_BYTES);
    store->checkpoint_us = now_us;
}

/* The process may die between any two of its instructions; it has done its stores in the order of its code. */
static void keep_order(void)
{
    atomic_signal_fence(memory_order_seq_cst);
}

void dd_recv_session_store_begin_session(struct dd_recv_session_state *state, uint64_t start_us)
{
    state->frame = state->status_counter = 0;
    keep_order();
    state->described_start_us = start_us;
}

bool dd_recv_session_store_describes(const struct dd_recv_session_state *state)
{
    return state->described_start_us == state->session.start_us;
}

/* The index of the session in ended; DD_RECV_SESSION_STORE_ENDED_MAX: it is not there. */
static size_t find_ended(const struct dd_recv_session_state *state, uint64_t start_us, uint64_t salt)
{
    size_t i = 0;
    while (i < DD_RECV_SESSION_STORE_ENDED_MAX && (state->ended[i].start_us != start_us || state->ended[i].salt != salt))
        i++;
    return i;
}

void dd_recv_session_store_note_ended(struct dd_recv_session_state *state, uint64_t start_us, uint64_t salt, uint64_t next)
{
    size_t i = find_ended(state, start_us, salt);
    if (i == DD_RECV_SESSION_STORE_ENDED_MAX) {
        i = state->ended_count++ % DD_RECV_SESSION_STORE_ENDED_MAX;
        state->ended[i] = (struct dd_recv_session_ended){start_us, salt, 0};
    }
    if (next > state->ended[i].next)
        state->ended[i].next = next;
}

uint64_t dd_recv_session_store_ended_next(const struct dd_recv_session_state *state, uint64_t start_us, uint64_t salt)
{
    size_t known = find_ended(state, start_us, salt);
    return known < DD_RECV_SESSION_STORE_ENDED_MAX ? state->ended[known].next : 0;
}

void dd_recv_session_store_retire(struct dd_recv_session_state *state, uint32_t key_id)
{
    if (dd_recv_session_store_is_retired(state, key_id))
        return;
    state->retired[state->retired_count % DD_RECV_SESSION_STORE_RETIRED_MAX] = key_id;
    keep_order();
    state->retired_count++;
}

bool dd_recv_session_store_is_retired(const struct dd_recv_session_state *state, uint32_t key_id)
{
    for (uint64_t i = 0; i < state->retired_count && i < DD_RECV_SESSION_STORE_RETIRED_MAX; i++)
        if (state->retired[i] == key_id)
            return true;
    return false;
}

bool dd_recv_session_store_poll_admission(struct dd_recv_session_store *store, uint64_t *start_us, uint64_t *salt)
{
    uint32_t number = atomic_load(&store->file->request.number);
    *start_us = store->file->request.start_us;
    *salt = store->file->request.salt;
    bool is_new = number != store->request_number && *start_us;
    store->request_number = number;
    return is_new;
}

void dd_recv_session_store_finish_admission(struct dd_recv_session_store *store)
{
    struct request *request = &store->file->request;
    if (atomic_load(&request->number) == store->request_number)
        request->start_us = 0;
}

bool dd_recv_session_store_reset_delay(struct dd_recv_session_store *store)
{
    struct request *request = &store->file->request;
    uint32_t requested = atomic_load(&request->resets_requested);
    if (requested == atomic_load(&request->resets_done))
        return false;
    dd_delay_forget(&store->file->current.state.delay);
    atomic_store(&request->resets_done, requested);
    return true;
}
