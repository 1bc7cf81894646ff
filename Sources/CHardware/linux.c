#define _GNU_SOURCE
#include <malloc.h>
#include "chardware.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/random.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/statfs.h>
#include <unistd.h>

int chw_accept4(int descriptor) {
    return accept4(descriptor, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
}

int chw_eventfd(void) { return eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC); }

// posix_fallocate would write zeros on file systems without extents; this asks for the real thing.
int chw_fallocate(int descriptor, int64_t offset, int64_t length) {
    return fallocate(descriptor, 0, offset, length);
}

int64_t chw_next_data(int descriptor, int64_t offset) {
    struct statfs system;
    if (fstatfs(descriptor, &system) != 0) return -1;
    // A file system that takes fresh data for a hole would have a log cut short; one has done so
    // (OpenZFS 2.2.0). Others than these are read.
    switch ((uint32_t)system.f_type) {
    case EXT4_SUPER_MAGIC: case TMPFS_MAGIC: case 0x58465342: // XFS
        return lseek(descriptor, offset, SEEK_DATA);
    default:
        return offset;
    }
}

int chw_begin_sync(int descriptor, int64_t offset, int64_t length) {
    return sync_file_range(descriptor, offset, length, SYNC_FILE_RANGE_WRITE);
}

// Blocks SIGINT, SIGTERM and SIGPIPE for this thread and those it starts from here on, and returns
// a descriptor that becomes readable when one of the first two arrives.
int chw_signalfd_terminate(void) {
    sigset_t blocked, awaited;
    sigemptyset(&awaited);
    sigaddset(&awaited, SIGINT);
    sigaddset(&awaited, SIGTERM);
    blocked = awaited;
    sigaddset(&blocked, SIGPIPE);
    if (pthread_sigmask(SIG_BLOCK, &blocked, NULL) != 0) return -1;
    return signalfd(-1, &awaited, SFD_NONBLOCK | SFD_CLOEXEC);
}

int chw_name_thread(const char *name) { return pthread_setname_np(pthread_self(), name); }

int chw_getrandom(void *bytes, size_t length) {
    uint8_t *next = bytes;
    while (length > 0) {
        ssize_t got = getrandom(next, length, 0);
        if (got < 0) {
            if (errno == EINTR) continue;
            return -1;
        }
        next += got;
        length -= (size_t)got;
    }
    return 0;
}

void chw_keep_freed_blocks(int mapped, int kept) {
    mallopt(M_MMAP_THRESHOLD, mapped);
    mallopt(M_TRIM_THRESHOLD, kept);
}

static int is_limited(int resource) {
    struct rlimit limit;
    return getrlimit(resource, &limit) == 0 && limit.rlim_cur != RLIM_INFINITY;
}

void chw_use_huge_pages(size_t length) {
    // Where address space has a limit, the heap would take it from stacks and mapped files.
    if (length <= 4096 || is_limited(RLIMIT_AS) || is_limited(RLIMIT_DATA)) return;
    mallopt(M_ARENA_MAX, 1);
    mallopt(M_MMAP_MAX, 0);
    mallopt(M_TRIM_THRESHOLD, -1);
    mallopt(M_TOP_PAD, 64 << 20);
    char *block = malloc(length);
    if (block == NULL) return;
    uintptr_t start = ((uintptr_t)block + 4095) & ~(uintptr_t)4095;
    madvise((void *)start, length - 4096, MADV_HUGEPAGE);
    free(block);
}

void chw_give_freed_pages_back(void) { malloc_trim(0); }

int chw_collapse(uint64_t address, size_t length) {
    unsigned char resident[4096];
    size_t pages = length / 4096, used = 0;
    if (pages > sizeof resident) { errno = EINVAL; return -1; }
    if (mincore((void *)(uintptr_t)address, length, resident) != 0) return -1;
    for (size_t page = 0; page < pages; page++) used += resident[page] & 1;
    if (used < pages - pages / 4) return 0;
    // MADV_COLLAPSE, Linux 6.1: older headers do not name it, older kernels refuse it.
    return madvise((void *)(uintptr_t)address, length, 25);
}
