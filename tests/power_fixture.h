/* A machine that loses power, simulated.
 *
 * The calls that change files are ours here, in place of the C library's (the
 * program and its shared libraries call those of the test program): each does
 * its work and is written down. From the record the disk is made up as it may
 * be found when the power fails after any of the calls: what was not synced is
 * there, or not, or in part, in blocks.
 *
 *   a file's bytes   are safe once fsync was called for it
 *   a folder's names are safe once fsync was called for the folder; before,
 *                    those of its latest changes may be there, from the oldest
 *
 * which is all that POSIX promises; real file systems keep more. Memory that is
 * mapped (SQLite's -shm) is not kept at all. */
#ifndef POWER_FIXTURE_H
#define POWER_FIXTURE_H

#include <errno.h>
#include <fcntl.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#define POWER_ROOM ((size_t)512 << 20) /* of the record; reserved, not used */
enum { POWER_PATH = 192, POWER_FILES = 512, POWER_BLOCKS = 4096 };

typedef enum power_op {
    POWER_CREATE = 1, /* path, file */
    POWER_FOLDER,     /* path */
    POWER_RENAME,     /* path, to */
    POWER_UNLINK,     /* path */
    POWER_WRITE,      /* file, at, bytes */
    POWER_RESIZE,     /* file, at */
    POWER_SYNC,       /* file; bytes: all that it has, where others wrote it */
    POWER_SYNC_NAMES, /* path of a folder */
    POWER_TOLD,       /* bytes: written to no file */
} power_op;

typedef struct power_call {
    power_op op;
    uint64_t file; /* inode */
    int64_t at;
    size_t size; /* of bytes, which follow */
    char path[POWER_PATH], to[POWER_PATH];
} power_call;

typedef struct power_record {
    atomic_flag busy;
    size_t used;
    int n;
    _Alignas(16) char bytes[];
} power_record;

static power_record *power; /* shared with the child that is watched */
static char power_root[POWER_PATH];
static bool power_is_on; /* in that child */

static inline void power_begin(const char *root)
{
    power = mmap(NULL, POWER_ROOM, PROT_READ | PROT_WRITE,
                 MAP_SHARED | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (power == MAP_FAILED)
        abort();
    snprintf(power_root, sizeof power_root, "%s/", root);
}

/* ---- writing calls down ---- */

static size_t power_room(size_t size)
{
    return (sizeof(power_call) + size + 15) & ~(size_t)15;
}

static void power_add(const power_call *c, const void *bytes)
{
    int saved = errno;
    char *at;

    while (atomic_flag_test_and_set(&power->busy)) {
    }
    if (sizeof *power + power->used + power_room(c->size) > POWER_ROOM)
        abort();
    at = power->bytes + power->used;
    memcpy(at, c, sizeof *c);
    if (c->size > 0)
        memcpy(at + sizeof *c, bytes, c->size);
    power->used += power_room(c->size);
    power->n++;
    atomic_flag_clear(&power->busy);
    errno = saved;
}

/* The path below the root; false when it is elsewhere. */
static bool power_below(const char *path, char out[POWER_PATH])
{
    char whole[2 * POWER_PATH] = "";
    size_t n = strlen(power_root);

    if (!power_is_on)
        return false;
    while (strncmp(path, "./", 2) == 0)
        path += 2;
    if (*path != '/' && syscall(SYS_getcwd, whole, POWER_PATH) > 0)
        strcat(whole, "/");
    snprintf(whole + strlen(whole), POWER_PATH, "%s", path);
    if (strncmp(whole, power_root, n) != 0)
        return false;
    snprintf(out, POWER_PATH, "%s", whole + n);
    return !strstr(out, "-shm");
}

/* Whether the descriptor is of a file or folder below the root. */
static bool power_of(int fd, power_call *c, struct stat *st)
{
    char link[48], path[POWER_PATH] = "";
    ssize_t n;

    if (!power_is_on || fstat(fd, st) != 0)
        return false;
    c->file = st->st_ino;
    snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
    n = syscall(SYS_readlink, link, path, sizeof path - 1);
    if (n > 0 && S_ISDIR(st->st_mode) && strlen(path) + 2 < sizeof path)
        strcat(path, "/");
    return n > 0 && power_below(path, c->path);
}

static int power_open(const char *path, int flags, mode_t mode)
{
    power_call c = {.op = POWER_CREATE};
    bool is_ours = power_below(path, c.path) && (flags & O_CREAT);
    bool was_there = syscall(SYS_access, path, F_OK) == 0;
    int fd = (int)syscall(SYS_openat, AT_FDCWD, path, flags, mode);
    struct stat st;

    if (fd < 0 || !is_ours || fstat(fd, &st) != 0)
        return fd;
    c.file = st.st_ino;
    if (!was_there)
        power_add(&c, NULL);
    if (flags & O_TRUNC) {
        c.op = POWER_RESIZE;
        power_add(&c, NULL);
    }
    return fd;
}

static ssize_t power_wrote(int fd, const void *bytes, ssize_t n, off_t at)
{
    power_call c = {.op = POWER_WRITE, .at = at};
    struct stat st;

    if (n <= 0 || !power_is_on)
        return n;
    c.size = (size_t)n;
    if (power_of(fd, &c, &st) && S_ISREG(st.st_mode))
        power_add(&c, bytes);
    else if (S_ISFIFO(st.st_mode)) {
        c.op = POWER_TOLD;
        power_add(&c, bytes);
    }
    return n;
}

static int power_sync(int fd)
{
    power_call c = {.op = POWER_SYNC};
    void *bytes = NULL;
    struct stat st;

    if (!power_of(fd, &c, &st))
        return 0;
    if (S_ISDIR(st.st_mode)) {
        c.op = POWER_SYNC_NAMES;
    } else if (!strstr(c.path, ".db")) {
        c.size = (size_t)st.st_size;
        bytes = malloc(c.size + 1);
        if (syscall(SYS_pread64, fd, bytes, c.size, 0L) < 0)
            c.size = 0;
    }
    power_add(&c, bytes);
    free(bytes);
    return 0;
}

/* ---- the calls ---- */

int open(const char *path, int flags, ...);
int open64(const char *path, int flags, ...);
int openat(int fd, const char *path, int flags, ...);
int openat64(int fd, const char *path, int flags, ...);

#define POWER_OPEN(name)                                                       \
    int name(const char *path, int flags, ...)                                 \
    {                                                                          \
        mode_t mode = 0;                                                       \
        va_list args;                                                          \
                                                                               \
        va_start(args, flags);                                                 \
        if (flags & O_CREAT)                                                   \
            mode = va_arg(args, mode_t);                                       \
        va_end(args);                                                          \
        return power_open(path, flags, mode);                                  \
    }
/* `path` in the folder `fd`. */
static const char *power_in(int fd, const char *path,
                            char whole[2 * POWER_PATH])
{
    char link[48];
    ssize_t n;

    if (fd == AT_FDCWD || *path == '/')
        return path;
    snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
    n = syscall(SYS_readlink, link, whole, POWER_PATH - 1);
    snprintf(whole + (n > 0 ? n : 0), POWER_PATH, "/%s", path);
    return whole;
}

#define POWER_OPENAT(name)                                                     \
    int name(int fd, const char *path, int flags, ...)                         \
    {                                                                          \
        char whole[2 * POWER_PATH];                                            \
        mode_t mode = 0;                                                       \
        va_list args;                                                          \
                                                                               \
        va_start(args, flags);                                                 \
        if (flags & O_CREAT)                                                   \
            mode = va_arg(args, mode_t);                                       \
        va_end(args);                                                          \
        if (!power_is_on)                                                      \
            return (int)syscall(SYS_openat, fd, path, flags, mode);            \
        return power_open(power_in(fd, path, whole), flags, mode);             \
    }
POWER_OPENAT(openat)
POWER_OPENAT(openat64)
POWER_OPEN(open)
POWER_OPEN(open64)

ssize_t write(int fd, const void *bytes, size_t n)
{
    struct stat st;
    off_t at = power_is_on ? (off_t)syscall(SYS_lseek, fd, 0L, SEEK_CUR) : 0;

    if (power_is_on && (syscall(SYS_fcntl, fd, F_GETFL) & O_APPEND) &&
        fstat(fd, &st) == 0)
        at = st.st_size;
    return power_wrote(fd, bytes, syscall(SYS_write, fd, bytes, n), at);
}

ssize_t pwrite(int fd, const void *bytes, size_t n, off_t at)
{
    return power_wrote(fd, bytes, syscall(SYS_pwrite64, fd, bytes, n, at), at);
}

ssize_t pwrite64(int fd, const void *bytes, size_t n, off_t at)
{
    return pwrite(fd, bytes, n, at);
}

int ftruncate(int fd, off_t size)
{
    power_call c = {.op = POWER_RESIZE, .at = size};
    int rc = (int)syscall(SYS_ftruncate, fd, size);
    struct stat st;

    if (rc == 0 && power_of(fd, &c, &st))
        power_add(&c, NULL);
    return rc;
}

int ftruncate64(int fd, off_t size)
{
    return ftruncate(fd, size);
}

int posix_fallocate(int fd, off_t at, off_t size)
{
    power_call c = {.op = POWER_RESIZE};
    int rc = syscall(SYS_fallocate, fd, 0, at, size) == 0 ? 0 : errno;
    struct stat st;

    if (rc == 0 && power_of(fd, &c, &st)) {
        c.at = st.st_size;
        power_add(&c, NULL);
    }
    return rc;
}

int fsync(int fd)
{
    return power_sync(fd);
}

int fdatasync(int fd)
{
    return power_sync(fd);
}

int rename(const char *from, const char *to)
{
    power_call c = {.op = POWER_RENAME};
    struct stat st = {0};
    int rc = stat(from, &st) == 0 ? (int)syscall(SYS_rename, from, to) : -1;

    c.file = st.st_ino;
    if (rc == 0 && power_below(from, c.path) && power_below(to, c.to))
        power_add(&c, NULL);
    return rc;
}

int renameat(int from_fd, const char *from, int to_fd, const char *to)
{
    char a[2 * POWER_PATH], b[2 * POWER_PATH];

    return rename(power_in(from_fd, from, a), power_in(to_fd, to, b));
}

static int power_remove(const char *path, int flags)
{
    power_call c = {.op = POWER_UNLINK};
    int rc = (int)syscall(SYS_unlinkat, AT_FDCWD, path, flags);

    if (rc == 0 && power_below(path, c.path))
        power_add(&c, NULL);
    return rc;
}

int unlinkat(int fd, const char *path, int flags)
{
    char whole[2 * POWER_PATH];

    return power_remove(power_in(fd, path, whole), flags);
}

int unlink(const char *path)
{
    return power_remove(path, 0);
}

int rmdir(const char *path)
{
    return power_remove(path, AT_REMOVEDIR);
}

int remove(const char *path)
{
    return unlink(path) == 0 || rmdir(path) == 0 ? 0 : -1;
}

int mkdir(const char *path, mode_t mode)
{
    power_call c = {.op = POWER_FOLDER};
    int rc = (int)syscall(SYS_mkdir, path, mode);

    if (rc == 0 && power_below(path, c.path))
        power_add(&c, NULL);
    return rc;
}

int mkdirat(int fd, const char *path, mode_t mode)
{
    char whole[2 * POWER_PATH];

    return mkdir(power_in(fd, path, whole), mode);
}

/* ---- the disk, from the record ---- */

typedef struct power_bytes {
    unsigned char *data;
    size_t size;
} power_bytes;

typedef struct power_file {
    uint64_t inode;
    power_bytes safe;
    const power_call **calls; /* not safe yet */
    int n_calls;
} power_file;

/* What a name stands for: a file's number, or -1: a folder. */
typedef struct power_name {
    char path[POWER_PATH];
    int file;
} power_name;

typedef struct power_names {
    power_name items[POWER_FILES];
    int n;
} power_names;

typedef struct power_disk {
    power_file files[POWER_FILES];
    int n_files;
    power_names safe;
    const power_call *calls[POWER_FILES]; /* of names, not safe yet */
    int made[POWER_FILES];                /* ... the file that one made */
    int n_calls;
} power_disk;

static void power_resize(power_bytes *b, size_t size)
{
    b->data = realloc(b->data, size + 1);
    if (size > b->size)
        memset(b->data + b->size, 0, size - b->size);
    b->size = size;
}

static void power_put(power_bytes *b, size_t at, const void *bytes, size_t n)
{
    if (n == 0)
        return;
    if (at + n > b->size)
        power_resize(b, at + n);
    memcpy(b->data + at, bytes, n);
}

static void power_apply(power_bytes *b, const power_call *c)
{
    if (c->op == POWER_WRITE)
        power_put(b, (size_t)c->at, c + 1, c->size);
    else
        power_resize(b, (size_t)c->at);
}

/* The latest file of that inode: numbers are used again. */
static int power_find_file(const power_disk *d, uint64_t inode)
{
    for (int i = d->n_files - 1; i >= 0; i--)
        if (d->files[i].inode == inode)
            return i;
    return -1;
}

static int power_find_name(const power_names *names, const char *path)
{
    for (int i = 0; i < names->n; i++)
        if (strcmp(names->items[i].path, path) == 0)
            return i;
    return -1;
}

static void power_drop_name(power_names *names, const char *path)
{
    int i = power_find_name(names, path);

    if (i >= 0)
        names->items[i] = names->items[--names->n];
}

static void power_set_name(power_names *names, const char *path, int file)
{
    power_drop_name(names, path);
    if (names->n == POWER_FILES)
        abort();
    snprintf(names->items[names->n].path, POWER_PATH, "%s", path);
    names->items[names->n++].file = file;
}

static void power_name_call(power_names *names, const power_call *c, int file)
{
    int i;

    if (c->op == POWER_UNLINK) {
        power_drop_name(names, c->path);
    } else if (c->op == POWER_RENAME) {
        i = power_find_name(names, c->path);
        if (i >= 0)
            power_set_name(names, c->to, names->items[i].file);
        power_drop_name(names, c->path);
    } else {
        power_set_name(names, c->path, file);
    }
}

/* "" or "runs/": the folder that a path is in. */
static void power_folder_of(const char *path, char out[POWER_PATH])
{
    char *slash;

    snprintf(out, POWER_PATH, "%s", path);
    slash = strrchr(out, '/');
    if (slash)
        slash[1] = '\0';
    else
        *out = '\0';
}

static void power_names_safe(power_disk *d, const char *folder)
{
    char in[POWER_PATH];
    int kept = 0;

    for (int i = 0; i < d->n_calls; i++) {
        power_folder_of(d->calls[i]->path, in);
        if (strcmp(in, folder) == 0) {
            power_name_call(&d->safe, d->calls[i], d->made[i]);
        } else {
            d->calls[kept] = d->calls[i];
            d->made[kept++] = d->made[i];
        }
    }
    d->n_calls = kept;
}

static void power_file_safe(power_file *f, const power_call *c)
{
    for (int i = 0; i < f->n_calls; i++)
        power_apply(&f->safe, f->calls[i]);
    f->n_calls = 0;
    if (c->size > 0) {
        power_resize(&f->safe, 0);
        power_put(&f->safe, 0, c + 1, c->size);
    }
}

static int power_new_file(power_disk *d, uint64_t inode)
{
    if (d->n_files == POWER_FILES)
        abort();
    d->files[d->n_files] = (power_file){.inode = inode};
    return d->n_files++;
}

static void power_take_name(power_disk *d, const power_call *c)
{
    if (d->n_calls == POWER_FILES)
        abort();
    d->made[d->n_calls] =
        c->op == POWER_CREATE ? power_new_file(d, c->file) : -1;
    d->calls[d->n_calls++] = c;
}

static inline void power_forget(power_disk *d)
{
    for (int i = 0; i < d->n_files; i++) {
        free(d->files[i].safe.data);
        free(d->files[i].calls);
    }
    *d = (power_disk){0};
}

/* Of a disk all of which is safe. */
static inline void power_copy(power_disk *to, const power_disk *from)
{
    *to = *from;
    for (int i = 0; i < to->n_files; i++) {
        to->files[i].safe = (power_bytes){0};
        power_put(&to->files[i].safe, 0, from->files[i].safe.data,
                  from->files[i].safe.size);
    }
}

static void power_preload_file(power_disk *d, uint64_t inode, const char *path)
{
    int i = power_new_file(d, inode), c;
    FILE *f = fopen(path, "r");
    unsigned char byte;

    while (f && (c = getc(f)) != EOF) {
        byte = (unsigned char)c;
        power_put(&d->files[i].safe, d->files[i].safe.size, &byte, 1);
    }
    if (f)
        fclose(f);
}

/* What is in the folder now is safe. */
static inline void power_preload(power_disk *d, const char *root)
{
    char command[2 * POWER_PATH], name[POWER_PATH], path[2 * POWER_PATH];
    unsigned long long inode;
    char type;
    FILE *f;

    power_forget(d);
    snprintf(command, sizeof command,
             "cd '%s' && find . -mindepth 1 -printf '%%y %%i %%P\\n'", root);
    f = popen(command, "r");
    while (f && fscanf(f, " %c %llu %191[^\n]", &type, &inode, name) == 3) {
        snprintf(path, sizeof path, "%s/%s", root, name);
        if (strstr(name, "-shm"))
            continue;
        if (type != 'd')
            power_preload_file(d, inode, path);
        power_set_name(&d->safe, name, type == 'd' ? -1 : d->n_files - 1);
    }
    if (f)
        pclose(f);
}

/* The disk after one more call. */
static void power_take(power_disk *d, const power_call *c)
{
    int i = power_find_file(d, c->file);
    power_file *f = i >= 0 ? &d->files[i] : NULL;

    switch (c->op) {
    case POWER_CREATE:
    case POWER_FOLDER:
    case POWER_RENAME:
    case POWER_UNLINK:
        power_take_name(d, c);
        break;
    case POWER_WRITE:
    case POWER_RESIZE:
        if (!f)
            break;
        f->calls =
            realloc(f->calls, ((size_t)f->n_calls + 1) * sizeof *f->calls);
        f->calls[f->n_calls++] = c;
        break;
    case POWER_SYNC:
        if (f)
            power_file_safe(f, c);
        break;
    case POWER_SYNC_NAMES:
        power_names_safe(d, c->path);
        break;
    case POWER_TOLD:
        break;
    }
}

/* ---- the disk as it is found ---- */

typedef enum power_luck {
    POWER_NONE,  /* nothing is there that was not synced */
    POWER_NAMES, /* names are, but no bytes */
    POWER_SOME,  /* names are, and some blocks of 4096 bytes */
    POWER_FEW,   /* ... of 512 */
    POWER_TORN,  /* names and writes, up to one, and half of that */
    POWER_ANY,   /* some of the names, any of these for each file */
    POWER_LUCK_COUNT
} power_luck;

static uint64_t power_seed;

static unsigned power_random(unsigned n)
{
    power_seed = power_seed * 6364136223846793005u + 1442695040888963407u;
    return (unsigned)(power_seed >> 33) % n;
}

/* Blocks of what the bytes would be are there, or not; and the size of either
 * moment, or one between. */
static void power_some_blocks(power_bytes *b, const power_bytes *now,
                              size_t block)
{
    size_t size = power_random(2) ? now->size : b->size;

    if (power_random(4) == 0 && now->size > b->size)
        size = b->size + power_random((unsigned)(now->size - b->size + 1));
    for (size_t at = 0; at < now->size; at += block) {
        size_t n = now->size - at < block ? now->size - at : block;

        if (power_random(2))
            power_put(b, at, now->data + at, n);
    }
    power_resize(b, size);
}

static void power_torn(power_bytes *b, const power_file *f)
{
    int n = f->n_calls ? (int)power_random((unsigned)f->n_calls + 1) : 0;

    for (int i = 0; i < n; i++)
        power_apply(b, f->calls[i]);
    if (n < f->n_calls && f->calls[n]->op == POWER_WRITE)
        power_put(b, (size_t)f->calls[n]->at, f->calls[n] + 1,
                  power_random((unsigned)f->calls[n]->size + 1));
}

static power_bytes power_found(const power_file *f, power_luck luck)
{
    power_bytes b = {0}, now = {0};

    power_put(&b, 0, f->safe.data ? f->safe.data : (void *)"", f->safe.size);
    if (luck == POWER_ANY)
        luck = power_random(POWER_ANY);
    if (luck == POWER_TORN)
        power_torn(&b, f);
    if (luck != POWER_SOME && luck != POWER_FEW)
        return b;
    power_put(&now, 0, b.data, b.size);
    for (int i = 0; i < f->n_calls; i++)
        power_apply(&now, f->calls[i]);
    power_some_blocks(&b, &now, luck == POWER_SOME ? 4096 : 512);
    free(now.data);
    return b;
}

/* Each folder's changes, up to one of them. */
static void power_found_names(const power_disk *d, power_luck luck,
                              power_names *out)
{
    char folders[POWER_FILES][POWER_PATH], in[POWER_PATH];
    bool is_over[POWER_FILES] = {false};
    int n = 0;

    *out = d->safe;
    for (int i = 0; i < d->n_calls && luck != POWER_NONE; i++) {
        int k = 0;

        power_folder_of(d->calls[i]->path, in);
        while (k < n && strcmp(folders[k], in) != 0)
            k++;
        if (k == n)
            strcpy(folders[n++], in);
        is_over[k] = is_over[k] || (luck == POWER_ANY && power_random(4) == 0);
        if (!is_over[k])
            power_name_call(out, d->calls[i], d->made[i]);
    }
}

/* Whether all folders above it are there. */
static bool power_is_reached(const power_names *names, const char *path)
{
    char above[POWER_PATH];
    char *slash;

    snprintf(above, sizeof above, "%s", path);
    while ((slash = strrchr(above, '/'))) {
        int i;

        *slash = '\0';
        i = power_find_name(names, above);
        if (i < 0 || names->items[i].file >= 0)
            return false;
    }
    return true;
}

static int power_by_length(const void *a, const void *b)
{
    return (int)strlen(((const power_name *)a)->path) -
           (int)strlen(((const power_name *)b)->path);
}

static void power_write_file(const char *path, const power_bytes *b)
{
    FILE *f = fopen(path, "w");

    if (!f || fwrite(b->data, 1, b->size, f) != b->size || fclose(f) != 0)
        abort();
}

/* It was an hour until the power came back. */
static void power_make_old(const char *folder)
{
    char command[2 * POWER_PATH];

    snprintf(command, sizeof command,
             "find '%s' -exec touch -d '1 hour ago' {} +", folder);
    if (system(command) != 0)
        abort();
}

/* Writes into the empty folder `to` what is found after a power cut now. */
static void power_cut(const power_disk *d, power_luck luck, const char *to)
{
    static power_names names;
    char path[2 * POWER_PATH];

    power_found_names(d, luck, &names);
    qsort(names.items, (size_t)names.n, sizeof *names.items, power_by_length);
    for (int i = 0; i < names.n; i++) {
        const power_name *name = &names.items[i];

        if (!power_is_reached(&names, name->path))
            continue;
        snprintf(path, sizeof path, "%s/%s", to, name->path);
        if (name->file < 0) {
            mkdir(path, 0700);
        } else {
            power_bytes b = power_found(&d->files[name->file], luck);

            power_write_file(path, &b);
            free(b.data);
        }
    }
    power_make_old(to);
}

#endif
