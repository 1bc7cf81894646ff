// What Swift cannot say itself: CPU instructions for checksums and hashes, and the Linux system
// calls that the Glibc module does not export. Nothing here allocates or keeps state.
#ifndef CHARDWARE_H
#define CHARDWARE_H

#include <stddef.h>
#include <stdint.h>
#include <sys/epoll.h>
#include <sys/types.h>

// CRC32C (Castagnoli) of `length` bytes continuing from `crc`, which is the plain value, not its
// complement. Call only when chw_has_crc32c() is 1.
int chw_has_crc32c(void);
uint32_t chw_crc32c(uint32_t crc, const void *bytes, size_t length);

// SHA-256 compression of `count` blocks of 64 bytes into `state`. Call only when chw_has_sha256()
// is 1; the environment variable VARVE_PORTABLE_SHA256 makes it 0, for valgrind and for tests.
int chw_has_sha256(void);
void chw_sha256_blocks(uint32_t state[8], const void *blocks, size_t count);
// The same for two messages at once: each instruction waits for the one before it, and the other
// message's run meanwhile.
void chw_sha256_blocks_of_two(
    uint32_t one[8], const void *blocks, uint32_t other[8], const void *other_blocks, size_t count);

// Linux system calls that need _GNU_SOURCE. Each corresponds to the call of the same name and
// returns -1 with errno set on failure.
int chw_accept4(int descriptor);
int chw_eventfd(void);
int chw_fallocate(int descriptor, int64_t offset, int64_t length);
int chw_signalfd_terminate(void);
// lseek with SEEK_DATA on file systems whose word on holes is good, the offset itself on others. The
// file's own offset moves, which pread and pwrite do not use.
int64_t chw_next_data(int descriptor, int64_t offset);
// sync_file_range: begins to write a range to the disk, and does not wait.
int chw_begin_sync(int descriptor, int64_t offset, int64_t length);
int chw_name_thread(const char *name);
int chw_getrandom(void *bytes, size_t length);

// mallopt: blocks below `mapped` bytes come from the heap, of whose top at most `kept` unused bytes
// stay with the process.
void chw_keep_freed_blocks(int mapped, int kept);
// The heap grows to `length` more bytes of address space that the kernel backs by huge pages as they
// are touched, and freed blocks stay with the process; nothing where the process's address space has
// a limit. For commands that take much memory and end.
void chw_use_huge_pages(size_t length);
// malloc_trim: freed pages of every arena go back to the system.
void chw_give_freed_pages_back(void);

// Moves a mapped range of 16 MiB at most into huge pages, now, if three fourths of it are in
// memory; what it holds stays. -1 with errno set where that is not possible.
int chw_collapse(uint64_t address, size_t length);

// Asks the processor to bring the cache line of an address nearer. Nothing is read: any address
// will do.
static inline void chw_prefetch(const void *address) { __builtin_prefetch(address, 0, 3); }

static const uint32_t CHW_EPOLL_IN = EPOLLIN;
static const uint32_t CHW_EPOLL_OUT = EPOLLOUT;
// Both directions are closed, or the connection is broken.
static const uint32_t CHW_EPOLL_CLOSED = EPOLLHUP | EPOLLERR;
// The peer writes no more.
static const uint32_t CHW_EPOLL_RDHUP = EPOLLRDHUP;

#endif
