// Softmax attention of float32 in blocks of queries, for one instruction set: for each block the scores with all keys that
// one of its queries sees, their softmax, and the sum of values, without anything of the size queries x keys in memory.
// Few queries are taken one by one, without packing. Included once for each instruction set, after panel.h.

// e to the power of each x <= 0: 2^n times a polynomial, good to about 2e-7; 0 below -87.
static inline NAME(vec) NAME(exp)(NAME(vec) x) {
  typedef int32_t NAME(ints) __attribute__((vector_size(VECTOR)));
  const NAME(vec) zero = {0};
  const NAME(ints) small = x < zero - 87.0f;
  const NAME(vec) held = (NAME(vec))(((NAME(ints))x & ~small) | ((NAME(ints))(zero - 87.0f) & small));
  const NAME(vec) scaled = held * 1.44269504088896341f;
  const NAME(ints) n = __builtin_convertvector(scaled - 0.5f, NAME(ints)); // to the nearest, for x <= 0
  const NAME(vec) whole = __builtin_convertvector(n, NAME(vec));
  const NAME(vec) r = held - whole * 0.693359375f + whole * 2.12194440e-4f;
  NAME(vec) p = r * 1.9875691500e-4f + 1.3981999507e-3f;
  p = p * r + 8.3334519073e-3f;
  p = p * r + 4.1665795894e-2f;
  p = p * r + 1.6666665459e-1f;
  p = p * r + 5.0000001201e-1f;
  p = p * r * r + r + 1.0f;
  const NAME(vec) y = p * (NAME(vec))((n + 127) << 23);
  return (NAME(vec))((NAME(ints))y & ~small);
}

// One row of scores becomes its softmax; `mask` holds f16 zeros where the key is seen. Padding past `keys` becomes 0.
static void NAME(soft)(float *row, const uint16_t *mask, int64_t keys, int64_t padded, float scale) {
  float most = -INFINITY;
  for (int64_t p = 0; p < keys; p++) {
    row[p] = mask == NULL || mask[p] == 0 ? row[p] * scale : -INFINITY;
    most = row[p] > most ? row[p] : most;
  }
  for (int64_t p = keys; p < padded; p++) row[p] = -INFINITY;
  if (most == -INFINITY) most = 0; // a query that sees nothing gives zeros
  NAME(vec) sums = {0};
  for (int64_t p = 0; p < padded; p += NAME(LANES)) {
    NAME(vec) *const at = (NAME(vec) *)(row + p);
    *at = NAME(exp)(*at - most);
    sums += *at;
  }
  float sum = 0;
  for (int i = 0; i < NAME(LANES); i++) sum += sums[i];
  const float share = sum > 0 ? 1 / sum : 0;
  for (int64_t p = 0; p < padded; p += NAME(LANES)) *(NAME(vec) *)(row + p) *= share;
}

static float NAME(dot)(const float *a, const float *b, int64_t n) {
  NAME(vec) sums[2] = {{0}, {0}};
  int64_t i = 0;
  for (; i + 2 * NAME(LANES) <= n; i += 2 * NAME(LANES)) {
    sums[0] += *(const NAME(loose) *)(a + i) * *(const NAME(loose) *)(b + i);
    sums[1] += *(const NAME(loose) *)(a + i + NAME(LANES)) * *(const NAME(loose) *)(b + i + NAME(LANES));
  }
  float sum = 0;
  for (int j = 0; j < NAME(LANES); j++) sum += sums[0][j] + sums[1][j];
  for (; i < n; i++) sum += a[i] * b[i];
  return sum;
}

static void NAME(attend)(const struct attention *job, struct scratch *rows, struct scratch *offsets, struct scratch *panels) {
  enum { LEAST = 6 };
  const int64_t keys = job->keys, queries = job->queries;
  const int64_t padded = (keys + NAME(LANES) - 1) / NAME(LANES) * NAME(LANES);
  float *scores = scratch_get(rows, (size_t)(padded * queries + NAME(LANES)) * 4);
  int64_t *table = (int64_t *)scratch_get(offsets, (size_t)(2 * keys + 3 * queries + job->width + job->value_width + 8) * 8);
  if (scores == NULL || table == NULL) return;
  if (queries < LEAST) {
    for (int64_t t = 0; t < queries; t++) {
      float *row = scores + t * padded;
      for (int64_t p = 0; p < keys; p++) row[p] = NAME(dot)(job->q + t * job->q_step, job->k + p * job->k_step, job->width);
      NAME(soft)(row, job->mask == NULL ? NULL : job->mask + t * job->mask_step, keys, padded, job->scale);
      float *to = job->out + t * job->out_step;
      memset(to, 0, (size_t)job->value_width * 4);
      for (int64_t p = 0; p < keys; p++) {
        const float weight = row[p];
        const float *v = job->v + p * job->v_step;
        if (weight == 0) continue;
        for (int64_t i = 0; i < job->value_width; i++) to[i] += weight * v[i];
      }
    }
    return;
  }
  int64_t *k_rows = table, *v_rows = k_rows + keys, *q_rows = v_rows + keys, *s_rows = q_rows + queries;
  int64_t *o_rows = s_rows + queries, *ones = o_rows + queries; // ones: 0, 1, 2, ...
  const int64_t most = job->width > job->value_width ? job->width : job->value_width;
  for (int64_t p = 0; p < keys; p++) k_rows[p] = p * job->k_step, v_rows[p] = p * job->v_step;
  for (int64_t t = 0; t < queries; t++) q_rows[t] = t * job->q_step, s_rows[t] = t * padded, o_rows[t] = t * job->out_step;
  for (int64_t i = 0; i < most; i++) ones[i] = i;
  const struct product to_scores = {
      .a = {job->k, k_rows, ones, 0, 1}, .b = {job->q, q_rows, ones, 0, 1}, .c = scores, .c_offsets = s_rows, .k = job->width};
  NAME(product)(&to_scores, panels, 0, keys, 0, queries);
  for (int64_t t = 0; t < queries; t++) {
    NAME(soft)(scores + t * padded, job->mask == NULL ? NULL : job->mask + t * job->mask_step, keys, padded, job->scale);
  }
  // sums of values: rows of A are values of a key side by side, k is the key
  int64_t *each = v_rows;
  int64_t *places = k_rows; // of scores in a row
  for (int64_t p = 0; p < keys; p++) places[p] = p;
  const struct product to_out = {
      .a = {job->v, ones, each, 1, 0}, .b = {scores, s_rows, places, 0, 1}, .c = job->out, .c_offsets = o_rows, .k = keys};
  NAME(product)(&to_out, panels, 0, job->value_width, 0, queries);
}
