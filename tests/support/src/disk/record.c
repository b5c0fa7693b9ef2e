/*
 * Puts what a process does to the files of one folder on record, in the order in which it does it: preloaded with LD_PRELOAD, so
 * that the program itself is the one that is delivered. `disk.rs` reads the record and rebuilds what a disk would hold.
 *
 * CORTEX_DISK_ROOT is the folder, CORTEX_DISK_RECORD the file of the record. A sync is not carried out, for what the folder holds
 * after a power loss is told by the record alone. What this cannot follow is put on record as '?', so that no test passes on it.
 */
#define _GNU_SOURCE
#undef _FILE_OFFSET_BITS
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

#define REAL(result, name, ...) \
    static result (*real)(__VA_ARGS__); \
    if (!real) real = (result (*)(__VA_ARGS__))dlsym(RTLD_NEXT, name)

static pthread_mutex_t one_at_a_time = PTHREAD_MUTEX_INITIALIZER;
static char root[PATH_MAX];
static size_t root_length;
static int record_fd = -1;

__attribute__((constructor)) static void begin(void) {
    const char *folder = getenv("CORTEX_DISK_ROOT"), *record = getenv("CORTEX_DISK_RECORD");
    if (!folder || !record || strlen(folder) >= sizeof root) return;
    strcpy(root, folder);
    root_length = strlen(root);
    record_fd = open(record, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
}

/* The folder itself and all below it. */
static int is_ours(const char *path) {
    return record_fd >= 0 && strncmp(path, root, root_length) == 0 && (path[root_length] == 0 || path[root_length] == '/');
}

static int path_of(int fd, char *path) {
    char link[64];
    snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
    ssize_t length = readlink(link, path, PATH_MAX - 1);
    if (length < 0) return 0;
    path[length] = 0;
    return 1;
}

static int is_our_file(int fd, char *path) { return record_fd >= 0 && fd != record_fd && path_of(fd, path) && is_ours(path); }

/* Where a name leads that need not be there yet. */
static int resolve(int folder, const char *name, char *path) {
    char whole[PATH_MAX], parent[PATH_MAX];
    if (name[0] == '/') {
        if (snprintf(whole, sizeof whole, "%s", name) >= (int)sizeof whole) return 0;
    } else {
        char base[PATH_MAX];
        if (folder == AT_FDCWD ? !getcwd(base, sizeof base) : !path_of(folder, base)) return 0;
        if (snprintf(whole, sizeof whole, "%s/%s", base, name) >= (int)sizeof whole) return 0;
    }
    size_t length = strlen(whole);
    while (length > 1 && whole[length - 1] == '/') whole[--length] = 0;
    char *slash = strrchr(whole, '/');
    if (!slash || slash == whole) return 0;
    *slash = 0;
    if (!realpath(whole, parent)) return 0;
    return snprintf(path, PATH_MAX, "%s/%s", parent, slash + 1) < PATH_MAX;
}

/* One entry: what, lengths of two names and of the bytes, offset, then names and bytes. Written at once or, on a kill, cut short. */
static void put(char what, const char *path, const char *other, uint64_t offset, const void *bytes, uint64_t length) {
    int before = errno;
    uint64_t head[5] = {(uint64_t)what, strlen(path), strlen(other), length, offset};
    struct iovec parts[4] = {
        {head, sizeof head}, {(void *)path, head[1]}, {(void *)other, head[2]}, {(void *)bytes, length}};
    static ssize_t (*real)(int, const struct iovec *, int);
    if (!real) real = (ssize_t(*)(int, const struct iovec *, int))dlsym(RTLD_NEXT, "writev");
    if (real(record_fd, parts, 4) < 0) abort();
    errno = before;
}

#define LOCKED(code) \
    pthread_mutex_lock(&one_at_a_time); \
    code; \
    pthread_mutex_unlock(&one_at_a_time)

static int opened(int fd, int existed, int flags) {
    char path[PATH_MAX];
    if (fd >= 0 && is_our_file(fd, path)) {
        if (!existed && (flags & O_CREAT)) put('C', path, "", 0, "", 0);
        if (existed && (flags & O_TRUNC)) put('T', path, "", 0, "", 0);
    }
    return fd;
}

#define MODE \
    mode_t mode = 0; \
    if (flags & (O_CREAT | O_TMPFILE)) { \
        va_list more; \
        va_start(more, flags); \
        mode = va_arg(more, mode_t); \
        va_end(more); \
    }

#define OPEN(name) \
    int name(const char *path, int flags, ...) { \
        MODE REAL(int, #name, const char *, int, ...); \
        if (!(flags & (O_CREAT | O_TRUNC)) || record_fd < 0) return real(path, flags, mode); \
        int fd; \
        LOCKED(int existed = faccessat(AT_FDCWD, path, F_OK, 0) == 0; fd = opened(real(path, flags, mode), existed, flags)); \
        return fd; \
    }
OPEN(open)
OPEN(open64)

#define OPENAT(name) \
    int name(int folder, const char *path, int flags, ...) { \
        MODE REAL(int, #name, int, const char *, int, ...); \
        if (!(flags & (O_CREAT | O_TRUNC)) || record_fd < 0) return real(folder, path, flags, mode); \
        int fd; \
        LOCKED(int existed = faccessat(folder, path, F_OK, 0) == 0; fd = opened(real(folder, path, flags, mode), existed, flags)); \
        return fd; \
    }
OPENAT(openat)
OPENAT(openat64)

ssize_t write(int fd, const void *bytes, size_t length) {
    REAL(ssize_t, "write", int, const void *, size_t);
    char path[PATH_MAX];
    if (!is_our_file(fd, path)) return real(fd, bytes, length);
    ssize_t written;
    LOCKED(written = real(fd, bytes, length);
           if (written > 0) put('W', path, "", (uint64_t)(lseek(fd, 0, SEEK_CUR) - written), bytes, (uint64_t)written));
    return written;
}

#define PWRITE(name, offset_type) \
    ssize_t name(int fd, const void *bytes, size_t length, offset_type offset) { \
        REAL(ssize_t, #name, int, const void *, size_t, offset_type); \
        char path[PATH_MAX]; \
        if (!is_our_file(fd, path)) return real(fd, bytes, length, offset); \
        ssize_t written; \
        LOCKED(written = real(fd, bytes, length, offset); \
               if (written > 0) put('W', path, "", (uint64_t)offset, bytes, (uint64_t)written)); \
        return written; \
    }
PWRITE(pwrite, off_t)
PWRITE(pwrite64, off64_t)

#define FTRUNCATE(name, offset_type) \
    int name(int fd, offset_type length) { \
        REAL(int, #name, int, offset_type); \
        char path[PATH_MAX]; \
        if (!is_our_file(fd, path)) return real(fd, length); \
        int result; \
        LOCKED(result = real(fd, length); if (result == 0) put('T', path, "", (uint64_t)length, "", 0)); \
        return result; \
    }
FTRUNCATE(ftruncate, off_t)
FTRUNCATE(ftruncate64, off64_t)

#define SYNC(name) \
    int name(int fd) { \
        REAL(int, #name, int); \
        char path[PATH_MAX]; \
        /* The folder above is synced too where the folder itself was made. */ \
        if (record_fd < 0 || !path_of(fd, path) || (!is_ours(path) && strncmp(path, root, strlen(path)) != 0)) return real(fd); \
        LOCKED(put('S', path, "", 0, "", 0)); \
        return 0; \
    }
SYNC(fsync)
SYNC(fdatasync)

int mkdirat(int folder, const char *name, mode_t mode) {
    REAL(int, "mkdirat", int, const char *, mode_t);
    char path[PATH_MAX];
    if (record_fd < 0 || !resolve(folder, name, path) || !is_ours(path)) return real(folder, name, mode);
    int result;
    LOCKED(result = real(folder, name, mode); if (result == 0) put('D', path, "", 0, "", 0));
    return result;
}

int mkdir(const char *name, mode_t mode) { return mkdirat(AT_FDCWD, name, mode); }

int unlinkat(int folder, const char *name, int flags) {
    REAL(int, "unlinkat", int, const char *, int);
    char path[PATH_MAX];
    if (record_fd < 0 || !resolve(folder, name, path) || !is_ours(path)) return real(folder, name, flags);
    int result;
    LOCKED(result = real(folder, name, flags); if (result == 0) put('U', path, "", 0, "", 0));
    return result;
}

int unlink(const char *name) { return unlinkat(AT_FDCWD, name, 0); }
int rmdir(const char *name) { return unlinkat(AT_FDCWD, name, AT_REMOVEDIR); }

int renameat2(int from, const char *old, int to, const char *new, unsigned int flags) {
    REAL(int, "renameat2", int, const char *, int, const char *, unsigned int);
    char path[PATH_MAX], other[PATH_MAX];
    int is_known = record_fd >= 0 && resolve(from, old, path) && resolve(to, new, other) && (is_ours(path) || is_ours(other));
    if (!is_known) return real(from, old, to, new, flags);
    int result;
    LOCKED(result = real(from, old, to, new, flags); if (result == 0) put(flags ? '?' : 'R', path, other, 0, "", 0));
    return result;
}

int renameat(int from, const char *old, int to, const char *new) { return renameat2(from, old, to, new, 0); }
int rename(const char *old, const char *new) { return renameat2(AT_FDCWD, old, AT_FDCWD, new, 0); }

/* What is not followed. */

#define UNKNOWN(fd, what) \
    char path[PATH_MAX]; \
    if (is_our_file(fd, path)) { \
        LOCKED(put('?', path, what, 0, "", 0)); \
    }

ssize_t writev(int fd, const struct iovec *parts, int count) {
    REAL(ssize_t, "writev", int, const struct iovec *, int);
    UNKNOWN(fd, "writev")
    return real(fd, parts, count);
}

ssize_t copy_file_range(int in, off64_t *in_offset, int out, off64_t *out_offset, size_t length, unsigned int flags) {
    REAL(ssize_t, "copy_file_range", int, off64_t *, int, off64_t *, size_t, unsigned int);
    UNKNOWN(out, "copy_file_range")
    return real(in, in_offset, out, out_offset, length, flags);
}

static void mapped(int protection, int flags, int fd) {
    char path[PATH_MAX];
    if (fd < 0 || !(protection & PROT_WRITE) || !(flags & MAP_SHARED) || !is_our_file(fd, path)) return;
    /* The index of the log is made anew at each start, and never taken from the disk. */
    size_t length = strlen(path);
    if (length > 4 && strcmp(path + length - 4, "-shm") == 0) return;
    LOCKED(put('?', path, "mmap", 0, "", 0));
}

#define MMAP(name, offset_type) \
    void *name(void *address, size_t length, int protection, int flags, int fd, offset_type offset) { \
        REAL(void *, #name, void *, size_t, int, int, int, offset_type); \
        if (record_fd >= 0) mapped(protection, flags, fd); \
        return real(address, length, protection, flags, fd, offset); \
    }
MMAP(mmap, off_t)
MMAP(mmap64, off64_t)
