// The peer of the file benchmark's cold cells: random rows of a file by pread in a pool of threads, nothing else.
//   file-pread FILE THREADS   takes part as apps/bench/src/file-contestant.ts does, with so many reads at once
//   file-pread FILE drop      drops the file from the system's cache, and prints how many of its pages are left there
#define _GNU_SOURCE
#include <fcntl.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

static int file;
static unsigned row_bytes, rows, count, calls, seed, check, first;
static uint8_t *out;
static atomic_uint next;
static pthread_barrier_t begin, end;

static uint32_t row_at(uint32_t i) {
  uint32_t x = seed + i;
  x ^= x >> 16;
  x *= 0x7feb352d;
  x ^= x >> 15;
  x *= 0x846ca68b;
  return (x ^ (x >> 16)) % rows;
}

static void *work(void *unused) {
  for (;;) {
    pthread_barrier_wait(&begin);
    for (uint32_t i; (i = atomic_fetch_add(&next, 1)) < count;) {
      ssize_t got = pread(file, out + (size_t)i * row_bytes, row_bytes, (off_t)row_at(first + i) * row_bytes);
      if (got != (ssize_t)row_bytes) {
        perror("pread");
        exit(1);
      }
    }
    pthread_barrier_wait(&end);
  }
  return unused;
}

static int drop(void) {
  struct stat status;
  fsync(file);
  posix_fadvise(file, 0, 0, POSIX_FADV_DONTNEED);
  fstat(file, &status);
  size_t pages = (status.st_size + 4095) / 4096, left = 0;
  unsigned char *resident = malloc(pages);
  void *mapped = mmap(0, status.st_size, PROT_READ, MAP_SHARED, file, 0);
  if (mapped == MAP_FAILED || mincore(mapped, status.st_size, resident) != 0) return perror("mincore"), 1;
  for (size_t i = 0; i < pages; i++) left += resident[i] & 1;
  printf("{\"pages\":%zu,\"resident\":%zu}\n", pages, left);
  return 0;
}

int main(int argc, char **argv) {
  if (argc != 3) return 2;
  file = open(argv[1], O_RDONLY);
  if (file < 0) return perror("open"), 1;
  if (strcmp(argv[2], "drop") == 0) return drop();
  int threads = atoi(argv[2]);
  posix_fadvise(file, 0, 0, POSIX_FADV_RANDOM);
  pthread_barrier_init(&begin, 0, threads + 1);
  pthread_barrier_init(&end, 0, threads + 1);
  for (int i = 0; i < threads; i++) {
    pthread_t thread;
    pthread_create(&thread, 0, work, 0);
  }
  printf("{\"ready\":true,\"version\":\"%d threads\"}\n", threads);
  fflush(stdout);
  while (scanf("%u %u %u %u %u %u", &row_bytes, &rows, &count, &calls, &seed, &check) == 6) {
    out = realloc(out, (size_t)count * row_bytes);
    struct timespec a, b;
    clock_gettime(CLOCK_MONOTONIC, &a);
    for (unsigned call = 0; call < calls; call++) {
      first = call * count;
      atomic_store(&next, 0);
      pthread_barrier_wait(&begin);
      pthread_barrier_wait(&end);
    }
    clock_gettime(CLOCK_MONOTONIC, &b);
    uint32_t sum = 0, *words = (uint32_t *)out;
    for (size_t i = 0; i < (size_t)count * row_bytes / 4; i++) sum += words[i] * (uint32_t)(i | 1);
    long long ns = (b.tv_sec - a.tv_sec) * 1000000000LL + b.tv_nsec - a.tv_nsec;
    printf("{\"ns\":%lld,\"checksum\":%u}\n", ns, check ? sum : 0);
    fflush(stdout);
  }
  return 0;
}
