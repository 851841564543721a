// A blocked product of float32 matrices, for one instruction set: C[n][m] = sum over k of A(m, k) B(n, k). Operands are
// given by two tables of offsets, one for the outer index and one for k, so that transposed views and gathered rows are
// read where they lie; they are packed into panels of MR and NR, over which the inner loop runs. Included once for each
// instruction set, with VECTOR (bytes of a register), NR and NAME(x) defined.

typedef float NAME(vec) __attribute__((vector_size(VECTOR)));
typedef float NAME(loose) __attribute__((vector_size(VECTOR), aligned(4)));

enum { NAME(LANES) = VECTOR / 4, NAME(MR) = 2 * VECTOR / 4 };

// Packs `rows` (at most `width`) of an operand into [depth][width], zeros where there are none.
static void NAME(pack)(float *to, const struct operand *from, int64_t row, int64_t rows, int64_t k, int64_t depth, int width) {
  const int64_t *outer = from->outer + row;
  const int64_t *inner = from->inner + k;
  if (from->rows_touch && rows == width) {
    for (int64_t p = 0; p < depth; p++) memcpy(to + p * width, from->data + outer[0] + inner[p], (size_t)width * 4);
    return;
  }
  if (from->k_touches) {
    for (int64_t i = 0; i < rows; i++) {
      const float *source = from->data + outer[i] + inner[0];
      for (int64_t p = 0; p < depth; p++) to[p * width + i] = source[p];
    }
  } else {
    for (int64_t p = 0; p < depth; p++) {
      for (int64_t i = 0; i < rows; i++) to[p * width + i] = from->data[outer[i] + inner[p]];
    }
  }
  for (int64_t i = rows; i < width; i++) {
    for (int64_t p = 0; p < depth; p++) to[p * width + i] = 0;
  }
}

// One block of C, MR by NR: sums into c where `add`, else writes.
static void NAME(block)(const float *a, const float *b, int64_t depth, float *const *c, int64_t rows, int columns, int add) {
  NAME(vec) sums[NR][2];
  for (int j = 0; j < NR; j++) sums[j][0] = sums[j][1] = (NAME(vec)){0};
  for (int64_t p = 0; p < depth; p++) {
    const NAME(vec) low = *(const NAME(vec) *)(a + p * NAME(MR));
    const NAME(vec) high = *(const NAME(vec) *)(a + p * NAME(MR) + NAME(LANES));
#pragma GCC unroll 16
    for (int j = 0; j < NR; j++) {
      const NAME(vec) factor = b[p * NR + j] - (NAME(vec)){0};
      sums[j][0] += low * factor;
      sums[j][1] += high * factor;
    }
  }
  if (rows == NAME(MR)) {
    for (int j = 0; j < columns; j++) {
      NAME(loose) *to = (NAME(loose) *)c[j];
      to[0] = add ? to[0] + sums[j][0] : sums[j][0];
      to[1] = add ? to[1] + sums[j][1] : sums[j][1];
    }
    return;
  }
  for (int j = 0; j < columns; j++) {
    const float *from = (const float *)sums[j];
    for (int64_t i = 0; i < rows; i++) c[j][i] = add ? c[j][i] + from[i] : from[i];
  }
}

// Rows [m0, m1) and columns [n0, n1) of a product.
static void NAME(product)(const struct product *job, struct scratch *scratch, int64_t m0, int64_t m1, int64_t n0, int64_t n1) {
  enum { DEPTH = 256, COLUMNS = 64 * NR, ROWS = 8 * 2 * VECTOR / 4 };
  if (job->k == 0) {
    for (int64_t j = n0; j < n1; j++) memset(job->c + job->c_offsets[j] + m0, 0, (size_t)(m1 - m0) * 4);
    return;
  }
  float *packed_b = scratch_get(scratch, (size_t)(DEPTH * (COLUMNS + ROWS)) * 4);
  if (packed_b == NULL) return;
  float *packed_a = packed_b + DEPTH * COLUMNS;
  for (int64_t n = n0; n < n1; n += COLUMNS) {
    const int64_t wide = n1 - n < COLUMNS ? n1 - n : COLUMNS;
    for (int64_t k = 0; k < job->k; k += DEPTH) {
      const int64_t depth = job->k - k < DEPTH ? job->k - k : DEPTH;
      for (int64_t j = 0; j < wide; j += NR) {
        NAME(pack)(packed_b + j * depth, &job->b, n + j, wide - j < NR ? wide - j : NR, k, depth, NR);
      }
      for (int64_t m = m0; m < m1; m += ROWS) {
        const int64_t tall = m1 - m < ROWS ? m1 - m : ROWS;
        for (int64_t i = 0; i < tall; i += NAME(MR)) {
          NAME(pack)(packed_a + i * depth, &job->a, m + i, tall - i < NAME(MR) ? tall - i : NAME(MR), k, depth, NAME(MR));
        }
        for (int64_t j = 0; j < wide; j += NR) {
          const int columns = wide - j < NR ? (int)(wide - j) : NR;
          for (int64_t i = 0; i < tall; i += NAME(MR)) {
            float *c[NR];
            for (int q = 0; q < columns; q++) c[q] = job->c + job->c_offsets[n + j + q] + m + i;
            NAME(block)(packed_a + i * depth, packed_b + j * depth, depth, c, tall - i < NAME(MR) ? tall - i : NAME(MR), columns, k > 0);
          }
        }
      }
    }
  }
}
