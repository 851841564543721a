// A benchmark contestant: rows gathered with memcpy in a plain loop. Reads one command a line from standard input and
// answers one line of JSON, as apps/bench/src/gather-contestant.ts describes. Built by the benchmark with the machine's cc.
#define _GNU_SOURCE
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>

static uint32_t mix(uint32_t x) {
  x ^= x >> 16;
  x *= 0x7feb352du;
  x ^= x >> 15;
  x *= 0x846ca68bu;
  return x ^ (x >> 16);
}

static double now_ns(clockid_t clock) {
  struct timespec time;
  clock_gettime(clock, &time);
  return time.tv_sec * 1e9 + time.tv_nsec;
}

int main(int argc, char **argv) {
  if (argc != 2) return 2;
  size_t bytes = strtoull(argv[1], NULL, 10);
  uint8_t *table = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (table == MAP_FAILED) return 3;
  madvise(table, bytes, MADV_NOHUGEPAGE);
  uint32_t *words = (uint32_t *)table;
  for (size_t i = 0; i < bytes / 4; i++) words[i] = (uint32_t)i * 2654435761u;
  puts("{\"ready\":true,\"version\":\"cc " __VERSION__ ", -O3 -march=native, pages of 4 KiB\"}");
  fflush(stdout);

  size_t row_bytes, rows, count, calls;
  uint32_t seed;
  int check;
  uint32_t *ids = NULL;
  uint8_t *out = NULL;
  size_t ids_size = 0, out_size = 0;
  while (scanf("%zu %zu %zu %zu %u %d", &row_bytes, &rows, &count, &calls, &seed, &check) == 6) {
    if (ids_size < count * calls) {
      ids_size = count * calls;
      ids = realloc(ids, ids_size * 4);
    }
    if (out_size < count * row_bytes) {
      out_size = count * row_bytes;
      out = realloc(out, out_size);
      memset(out, 1, out_size);
    }
    for (size_t i = 0; i < count * calls; i++) ids[i] = mix(seed + (uint32_t)i) % rows;
    double cpu_start = now_ns(CLOCK_PROCESS_CPUTIME_ID);
    double start = now_ns(CLOCK_MONOTONIC);
    for (size_t call = 0; call < calls; call++) {
      const uint32_t *batch = ids + call * count;
      for (size_t i = 0; i < count; i++) memcpy(out + i * row_bytes, table + (size_t)batch[i] * row_bytes, row_bytes);
    }
    double ns = now_ns(CLOCK_MONOTONIC) - start;
    double cpu_ns = now_ns(CLOCK_PROCESS_CPUTIME_ID) - cpu_start;
    uint32_t checksum = 0;
    if (check) {
      const uint32_t *gathered = (const uint32_t *)out;
      for (size_t i = 0; i < count * row_bytes / 4; i++) checksum += gathered[i] * ((uint32_t)i | 1u);
    }
    printf("{\"ns\":%.0f,\"cpuNs\":%.0f,\"checksum\":%u}\n", ns, cpu_ns, checksum);
    fflush(stdout);
  }
  return 0;
}
