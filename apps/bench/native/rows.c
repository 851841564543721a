// Peers in C for cells about rows: `memory` (the file's bytes in memory, a memcpy a row) and `pread` (reads by a pool of
// threads). Takes part as src/cells/request.ts says.
//   rows KIND FILE ROW_BYTES IDS COUNT THREADS
#define _GNU_SOURCE
#include <fcntl.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

static int file;
static size_t row_bytes, count;
static uint8_t *out;
static const uint32_t *ids;
static atomic_size_t next;
static pthread_barrier_t begin, end;

static void *work(void *unused) {
  for (;;) {
    pthread_barrier_wait(&begin);
    for (size_t i; (i = atomic_fetch_add(&next, 1)) < count;) {
      if (pread(file, out + i * row_bytes, row_bytes, (off_t)ids[i] * row_bytes) != (ssize_t)row_bytes) {
        perror("error: pread");
        exit(1);
      }
    }
    pthread_barrier_wait(&end);
  }
  return unused;
}

static void *whole(const char *path, size_t *bytes) {
  int from = open(path, O_RDONLY);
  struct stat status;
  if (from < 0 || fstat(from, &status) != 0) return perror("error: open"), exit(1), (void *)0;
  uint8_t *memory = malloc(status.st_size);
  for (off_t at = 0; at < status.st_size;) {
    ssize_t got = pread(from, memory + at, status.st_size - at, at);
    if (got <= 0) return perror("error: read"), exit(1), (void *)0;
    at += got;
  }
  close(from);
  *bytes = status.st_size;
  return memory;
}

int main(int argc, char **argv) {
  if (argc != 7) return fprintf(stderr, "error: rows KIND FILE ROW_BYTES IDS COUNT THREADS\n"), 2;
  int in_memory = strcmp(argv[1], "memory") == 0, threads = atoi(argv[6]);
  row_bytes = strtoull(argv[3], 0, 10);
  count = strtoull(argv[5], 0, 10);
  size_t bytes, table_bytes;
  const uint32_t *list = whole(argv[4], &bytes);
  size_t listed = bytes / 4 / count;
  uint8_t *table = in_memory ? whole(argv[2], &table_bytes) : 0;
  out = malloc(count * row_bytes);
  memset(out, 1, count * row_bytes);
  if (!in_memory) {
    file = open(argv[2], O_RDONLY);
    if (file < 0) return perror("error: open"), 1;
    posix_fadvise(file, 0, 0, POSIX_FADV_RANDOM);
    pthread_barrier_init(&begin, 0, threads + 1);
    pthread_barrier_init(&end, 0, threads + 1);
    for (int i = 0; i < threads; i++) {
      pthread_t thread;
      pthread_create(&thread, 0, work, 0);
    }
  }
  printf("{\"ready\":true,\"version\":\"C, %s, %s\"}\n", __VERSION__, in_memory ? "memcpy a row" : "pread in threads");
  fflush(stdout);
  unsigned long first, calls;
  int check;
  double rate;
  unsigned seed;
  while (scanf("%lu %lu %d %lf %u", &first, &calls, &check, &rate, &seed) == 5) {
    struct timespec a, b;
    clock_gettime(CLOCK_MONOTONIC, &a);
    for (unsigned long call = 0; call < calls; call++) {
      ids = list + (first + call) % listed * count;
      if (in_memory) {
        for (size_t i = 0; i < count; i++) memcpy(out + i * row_bytes, table + ids[i] * row_bytes, row_bytes);
      } else {
        atomic_store(&next, 0);
        pthread_barrier_wait(&begin);
        pthread_barrier_wait(&end);
      }
    }
    clock_gettime(CLOCK_MONOTONIC, &b);
    uint32_t sum = 0, *words = (uint32_t *)out;
    for (size_t i = 0; i < count * row_bytes / 4; i++) sum += words[i] * (uint32_t)(i | 1);
    printf("{\"ns\":%lld", (b.tv_sec - a.tv_sec) * 1000000000LL + b.tv_nsec - a.tv_nsec);
    if (check) printf(",\"checksum\":%u", sum);
    printf("}\n");
    fflush(stdout);
  }
  return 0;
}
