// Products of float32 matrices for the CPU device, run by ggml as operations of its own threads (GGML_OP_CUSTOM):
//   engram_product   dst [m, n, y, z] = A [k, m, y, z] times B [k, n, y, z], any strides: transposed views need no copy
//   engram_experts   dst [m, used, N]: each token's row of B times its experts A [k, m, E], any strides of A
//   engram_expert_gradients   dst [m, n, E]: for each expert, sum over its tokens of A [m] times B [n]
//   engram_attention   dst [u, H, T, S] of queries [w, T, H, S], keys [w, P, K, S], values [u, P, K, S] and an f16 mask
//   engram_scale_rows   dst [n, ...]: each row of a times one number of b [1, ...], which is repeated over a
// ggml's own product reaches a third of these on AVX-512. Not here: other types, other processors: ggml's own are used.
#include "tensor.h"
#include <math.h>
#include <stdlib.h>
#include <string.h>

struct scratch {
  float *data;
  size_t bytes;
};

struct operand {
  const float *data;
  const int64_t *outer; // offset of each row, in values
  const int64_t *inner; // offset of each k
  int rows_touch;       // rows are neighbours in memory
  int k_touches;        // ks are
};

struct product {
  struct operand a, b;
  float *c;
  const int64_t *c_offsets; // of each n; ms are neighbours
  int64_t k;
};

// Attention of some queries of one head.
struct attention {
  const float *q, *k, *v;
  const uint16_t *mask; // NULL for none
  float *out;
  int64_t q_step, k_step, v_step, mask_step, out_step; // from row to row, in values
  int64_t queries, keys, width, value_width;
  float scale;
};

// One a thread, kept from call to call.
static __thread struct scratch panels, tables, score_rows;

static float *scratch_get(struct scratch *scratch, size_t bytes) {
  if (scratch->bytes < bytes) {
    free(scratch->data);
    scratch->data = NULL;
    scratch->bytes = 0;
    void *fresh = NULL;
    if (posix_memalign(&fresh, 64, bytes) != 0) return NULL;
    scratch->data = fresh;
    scratch->bytes = bytes;
  }
  return scratch->data;
}

#pragma GCC push_options
#pragma GCC target("avx512f,avx512vl,avx512bw,avx512dq,fma")
#define VECTOR 64
#define NR 12
#define NAME(x) avx512_##x
#include "panel.h"
#include "attend.h"
#undef VECTOR
#undef NR
#undef NAME
#pragma GCC pop_options

#pragma GCC push_options
#pragma GCC target("avx2,fma")
#define VECTOR 32
#define NR 6
#define NAME(x) avx2_##x
#include "panel.h"
#include "attend.h"
#undef VECTOR
#undef NR
#undef NAME
#pragma GCC pop_options

// Set where AVX2 is to be used though there is AVX-512, to test it.
static int narrow;

void engram_kernels_narrow(int yes) { narrow = yes; }

static int has_avx512(void) { return __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512vl"); }

static void run(const struct product *job, int64_t m0, int64_t m1, int64_t n0, int64_t n1) {
  if (m0 >= m1 || n0 >= n1) return;
  if (!narrow && __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512vl")) {
    avx512_product(job, &panels, m0, m1, n0, n1);
  } else {
    avx2_product(job, &panels, m0, m1, n0, n1);
  }
}

#ifndef SOURCES
#define SOURCES "unknown"
#endif
// SHA-256 of the sources that this was built from.
const char *engram_kernels_sources(void) { return SOURCES; }

// 1 where this processor can run the kernels.
int engram_kernels_supported(void) {
  __builtin_cpu_init();
  return __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma");
}

static int64_t share(int64_t count, int64_t part, int64_t parts, int64_t step) {
  const int64_t steps = (count + step - 1) / step;
  const int64_t at = steps * part / parts * step;
  return at < count ? at : count;
}

static void fill(int64_t *to, int64_t count, size_t stride) {
  for (int64_t i = 0; i < count; i++) to[i] = i * (int64_t)(stride / 4);
}

void engram_product(struct tensor *dst, int ith, int nth, void *unused) {
  (void)unused;
  const struct tensor *a = dst->src[0], *b = dst->src[1];
  const int64_t k = a->ne[0], m = a->ne[1], n = b->ne[1];
  int64_t *table = (int64_t *)scratch_get(&tables, (size_t)(m + 2 * n + 2 * k + 8) * 8);
  if (table == NULL) return;
  int64_t *a_outer = table, *b_outer = a_outer + m, *c_outer = b_outer + n, *a_inner = c_outer + n, *b_inner = a_inner + k;
  fill(a_outer, m, a->nb[1]);
  fill(b_outer, n, b->nb[1]);
  fill(c_outer, n, dst->nb[1]);
  fill(a_inner, k, a->nb[0]);
  fill(b_inner, k, b->nb[0]);
  struct product job = {
      .a = {NULL, a_outer, a_inner, a->nb[1] == 4, a->nb[0] == 4},
      .b = {NULL, b_outer, b_inner, b->nb[1] == 4, b->nb[0] == 4},
      .c_offsets = c_outer,
      .k = k,
  };
  const int64_t batches = dst->ne[2] * dst->ne[3];
  const int by_batch = batches >= 2 * nth; // many small products: whole ones to each thread
  const int by_columns = n >= m;
  for (int64_t batch = 0; batch < batches; batch++) {
    if (by_batch && batch % nth != ith) continue;
    const int64_t y = batch % dst->ne[2], z = batch / dst->ne[2];
    const int64_t ay = y / (dst->ne[2] / a->ne[2]), az = z / (dst->ne[3] / a->ne[3]);
    job.a.data = (const float *)(a->data + ay * a->nb[2] + az * a->nb[3]);
    job.b.data = (const float *)(b->data + y * b->nb[2] + z * b->nb[3]);
    job.c = (float *)(dst->data + y * dst->nb[2] + z * dst->nb[3]);
    if (by_batch) run(&job, 0, m, 0, n);
    else if (by_columns) run(&job, 0, m, share(n, ith, nth, 12), share(n, ith + 1, nth, 12));
    else run(&job, share(m, ith, nth, 32), share(m, ith + 1, nth, 32), 0, n);
  }
}

// The places of each expert's tokens in ids [used, N]: starts [E + 1] and places, sorted by expert; in the order of tokens.
static void sort_places(const struct tensor *ids, int64_t experts, int64_t *starts, int64_t *places) {
  const int64_t used = ids->ne[0], tokens = ids->ne[1];
  memset(starts, 0, (size_t)(experts + 1) * 8);
#define ID(t, u) (*(const int32_t *)(ids->data + (size_t)(t) * ids->nb[1] + (size_t)(u) * ids->nb[0]))
  for (int64_t t = 0; t < tokens; t++) {
    for (int64_t u = 0; u < used; u++) starts[ID(t, u) + 1]++;
  }
  for (int64_t e = 0; e < experts; e++) starts[e + 1] += starts[e];
  for (int64_t t = 0; t < tokens; t++) {
    for (int64_t u = 0; u < used; u++) places[starts[ID(t, u)]++] = t * used + u;
  }
  for (int64_t e = experts; e > 0; e--) starts[e] = starts[e - 1];
  starts[0] = 0;
#undef ID
}

// Offset of a place's row in [width, 1 or used, N], in values.
static int64_t row_at(const struct tensor *rows, int64_t used, int64_t place) {
  const int64_t t = place / used, u = place % used;
  return (int64_t)((t * rows->nb[2] + (rows->ne[1] == 1 ? 0 : u) * rows->nb[1]) / 4);
}

void engram_experts(struct tensor *dst, int ith, int nth, void *unused) {
  (void)unused;
  const struct tensor *a = dst->src[0], *b = dst->src[1], *ids = dst->src[2];
  const int64_t k = a->ne[0], m = a->ne[1], experts = a->ne[2], used = ids->ne[0], all = used * ids->ne[1];
  int64_t *table = (int64_t *)scratch_get(&tables, (size_t)(m + 2 * k + 3 * all + experts + 16) * 8);
  if (table == NULL) return;
  int64_t *a_outer = table, *a_inner = a_outer + m, *b_inner = a_inner + k, *b_outer = b_inner + k;
  int64_t *c_outer = b_outer + all, *places = c_outer + all, *starts = places + all;
  fill(a_outer, m, a->nb[1]);
  fill(a_inner, k, a->nb[0]);
  fill(b_inner, k, b->nb[0]);
  sort_places(ids, experts, starts, places);
  for (int64_t i = 0; i < all; i++) {
    b_outer[i] = row_at(b, used, places[i]);
    c_outer[i] = row_at(dst, used, places[i]);
  }
  for (int64_t e = 0; e < experts; e++) {
    const int64_t from = starts[e], count = starts[e + 1] - from;
    const struct product job = {
        .a = {(const float *)(a->data + e * a->nb[2]), a_outer, a_inner, a->nb[1] == 4, a->nb[0] == 4},
        .b = {(const float *)b->data, b_outer + from, b_inner, 0, 1},
        .c = (float *)dst->data,
        .c_offsets = c_outer + from,
        .k = k,
    };
    run(&job, share(m, ith, nth, 32), share(m, ith + 1, nth, 32), 0, count);
  }
}

void engram_expert_gradients(struct tensor *dst, int ith, int nth, void *unused) {
  (void)unused;
  const struct tensor *a = dst->src[0], *b = dst->src[1], *ids = dst->src[2];
  const int64_t m = dst->ne[0], n = dst->ne[1], experts = dst->ne[2], used = ids->ne[0], all = used * ids->ne[1];
  int64_t *table = (int64_t *)scratch_get(&tables, (size_t)(m + 2 * n + 3 * all + experts + 16) * 8);
  if (table == NULL) return;
  int64_t *a_outer = table, *b_outer = a_outer + m, *c_outer = b_outer + n, *a_inner = c_outer + n;
  int64_t *b_inner = a_inner + all, *places = b_inner + all, *starts = places + all;
  fill(a_outer, m, 4);
  fill(b_outer, n, 4);
  fill(c_outer, n, dst->nb[1]);
  sort_places(ids, experts, starts, places);
  for (int64_t i = 0; i < all; i++) {
    a_inner[i] = row_at(a, used, places[i]);
    b_inner[i] = row_at(b, used, places[i]);
  }
  for (int64_t e = 0; e < experts; e++) {
    const int64_t from = starts[e];
    const struct product job = {
        .a = {(const float *)a->data, a_outer, a_inner + from, 1, 0},
        .b = {(const float *)b->data, b_outer, b_inner + from, 1, 0},
        .c = (float *)(dst->data + e * dst->nb[2]),
        .c_offsets = c_outer,
        .k = starts[e + 1] - from,
    };
    if (n >= m) run(&job, 0, m, share(n, ith, nth, 12), share(n, ith + 1, nth, 12));
    else run(&job, share(m, ith, nth, 32), share(m, ith + 1, nth, 32), 0, n);
  }
}

// Keys that one of these queries sees: [*first, *end), by a mask [keys, queries].
static void seen_keys(const uint16_t *mask, int64_t step, int64_t queries, int64_t keys, int64_t *first, int64_t *end) {
  *first = keys;
  *end = 0;
  for (int64_t t = 0; t < queries; t++) {
    const uint16_t *row = mask + t * step;
    int64_t low = 0, high = keys;
    while (low < keys && row[low] != 0) low++;
    while (high > low && row[high - 1] != 0) high--;
    if (low < *first) *first = low;
    if (high > *end) *end = high;
  }
  if (*first > *end) *first = *end;
}

void engram_attention(struct tensor *dst, int ith, int nth, void *data) {
  enum { BLOCK = 48 };
  const struct tensor *q = dst->src[0], *k = dst->src[1], *v = dst->src[2], *mask = dst->src[3];
  const uint32_t bits = (uint32_t)(uintptr_t)data;
  float scale;
  memcpy(&scale, &bits, 4);
  const int64_t T = q->ne[1], H = q->ne[2], S = q->ne[3], blocks = (T + BLOCK - 1) / BLOCK;
  const int64_t units = blocks * H * S;
  for (int64_t unit = ith; unit < units; unit += nth) {
    // later blocks see more keys: heads vary fastest, so that threads get equal shares
    const int64_t h = unit % H, s = unit / H % S, from = (blocks - 1 - unit / (H * S)) * BLOCK;
    const int64_t queries = T - from < BLOCK ? T - from : BLOCK;
    const int64_t kh = h / (H / k->ne[2]), ks = s / (S / k->ne[3]);
    int64_t first = 0, end = k->ne[1];
    const uint16_t *seen = NULL;
    if (mask != NULL) {
      seen = (const uint16_t *)(mask->data + (s % mask->ne[3]) * mask->nb[3] + (h % mask->ne[2]) * mask->nb[2] + from * mask->nb[1]);
      seen_keys(seen, (int64_t)(mask->nb[1] / 2), queries, k->ne[1], &first, &end);
      seen += first;
    }
    const struct attention job = {
        .q = (const float *)(q->data + from * q->nb[1] + h * q->nb[2] + s * q->nb[3]),
        .k = (const float *)(k->data + first * k->nb[1] + kh * k->nb[2] + ks * k->nb[3]),
        .v = (const float *)(v->data + first * v->nb[1] + kh * v->nb[2] + ks * v->nb[3]),
        .mask = seen,
        .out = (float *)(dst->data + h * dst->nb[1] + from * dst->nb[2] + s * dst->nb[3]),
        .q_step = (int64_t)(q->nb[1] / 4),
        .k_step = (int64_t)(k->nb[1] / 4),
        .v_step = (int64_t)(v->nb[1] / 4),
        .mask_step = mask == NULL ? 0 : (int64_t)(mask->nb[1] / 2),
        .out_step = (int64_t)(dst->nb[2] / 4),
        .queries = queries,
        .keys = end - first,
        .width = q->ne[0],
        .value_width = v->ne[0],
        .scale = scale,
    };
    if (has_avx512()) avx512_attend(&job, &score_rows, &tables, &panels);
    else avx2_attend(&job, &score_rows, &tables, &panels);
  }
}

void engram_scale_rows(struct tensor *dst, int ith, int nth, void *unused) {
  (void)unused;
  const struct tensor *a = dst->src[0], *b = dst->src[1];
  const int64_t n = a->ne[0], rows = a->ne[1] * a->ne[2] * a->ne[3];
  const int64_t from = rows * ith / nth, to = rows * (ith + 1) / nth;
  for (int64_t row = from; row < to; row++) {
    const int64_t x = row % a->ne[1], y = row / a->ne[1] % a->ne[2], z = row / (a->ne[1] * a->ne[2]);
    const float *source = (const float *)(a->data + x * a->nb[1] + y * a->nb[2] + z * a->nb[3]);
    const float factor = *(const float *)(b->data + x % b->ne[1] * b->nb[1] + y % b->ne[2] * b->nb[2] + z % b->ne[3] * b->nb[3]);
    float *target = (float *)(dst->data + x * dst->nb[1] + y * dst->nb[2] + z * dst->nb[3]);
    for (int64_t i = 0; i < n; i++) target[i] = source[i] * factor;
  }
}
