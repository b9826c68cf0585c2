/* Preloaded into a process, writes down what it does to the files below a folder, in order, with the data: what is
 * written, cut, synced, removed. From that a test makes what a power cut could have left at any moment.
 *
 * A record: operation (1 byte), length of the path (4), offset (8), length of the data (4), path, data.
 * Host byte order; offset is a file's new length where it is cut. TRACEN_UNSYNCED_LOG and _FOLDER say where.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <fcntl.h>
#include <limits.h>
#include <pthread.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/uio.h>
#include <unistd.h>

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static int log_fd = -1;
static const char *folder;

#define NEXT(name) ((__typeof__(&name))dlsym(RTLD_NEXT, #name))

__attribute__((constructor)) static void begin(void) {
    const char *path = getenv("TRACEN_UNSYNCED_LOG");
    folder = getenv("TRACEN_UNSYNCED_FOLDER");
    if (path && folder) log_fd = open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
}

static int path_of(int fd, char *path) {
    char link[64];
    snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
    ssize_t size = readlink(link, path, PATH_MAX - 1);
    if (log_fd < 0 || size <= 0) return 0;
    path[size] = 0;
    return strncmp(path, folder, strlen(folder)) == 0;
}

static void note(char operation, const char *path, int64_t offset, const void *data, size_t size) {
    uint32_t path_size = strlen(path), data_size = size;
    struct iovec parts[] = {{&operation, 1}, {&path_size, 4}, {&offset, 8}, {&data_size, 4},
                            {(void *)path, path_size}, {(void *)data, size}};
    pthread_mutex_lock(&lock);
    NEXT(writev)(log_fd, parts, 6);
    pthread_mutex_unlock(&lock);
}

ssize_t pwrite64(int fd, const void *data, size_t size, off64_t offset) {
    char path[PATH_MAX];
    ssize_t written = NEXT(pwrite64)(fd, data, size, offset);
    if (written > 0 && path_of(fd, path)) note('w', path, offset, data, written);
    return written;
}
ssize_t pwrite(int fd, const void *data, size_t size, off_t offset) { return pwrite64(fd, data, size, offset); }

ssize_t write(int fd, const void *data, size_t size) {
    char path[PATH_MAX];
    int is_ours = log_fd >= 0 && fd > 2 && path_of(fd, path);
    off64_t offset = is_ours ? lseek64(fd, 0, SEEK_CUR) : 0;
    ssize_t written = NEXT(write)(fd, data, size);
    if (written > 0 && is_ours) note('w', path, offset, data, written);
    return written;
}

/* Synced is noted after it has happened: what is written between is then taken for unsynced, never the reverse. */
int fsync(int fd) {
    char path[PATH_MAX];
    int result = NEXT(fsync)(fd);
    if (result == 0 && path_of(fd, path)) note('s', path, 0, "", 0);
    return result;
}
int fdatasync(int fd) {
    char path[PATH_MAX];
    int result = NEXT(fdatasync)(fd);
    if (result == 0 && path_of(fd, path)) note('s', path, 0, "", 0);
    return result;
}

int ftruncate64(int fd, off64_t size) {
    char path[PATH_MAX];
    int result = NEXT(ftruncate64)(fd, size);
    if (result == 0 && path_of(fd, path)) note('t', path, size, "", 0);
    return result;
}
int ftruncate(int fd, off_t size) { return ftruncate64(fd, size); }

int unlink(const char *path) {
    int result = NEXT(unlink)(path);
    if (result == 0 && log_fd >= 0 && strncmp(path, folder, strlen(folder)) == 0) note('u', path, 0, "", 0);
    return result;
}
