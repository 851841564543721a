// Sums the gradients of a table's rows and takes a step of Adam with them, in this module's memory. All arguments that are
// addresses lie there; the caller has checked them. Arithmetic is float64, two values at a time, in the order of the
// TypeScript twin in ../row-kernel.ts, whose results are the same bit for bit. Every loop ends with what four leave over.

/**
 * Adds rows to sums.
 * @param places which sum each row belongs to, 32-bit, `[count]`.
 * @param rows float32 `[count, width]`.
 * @param sums float64 `[.., width]`.
 */
export function addRows(places: usize, count: u32, rows: usize, width: u32, sums: usize): void {
  const whole = width & ~3;
  for (let i: u32 = 0; i < count; i++) {
    let to = sums + <usize>(load<u32>(places + (i << 2)) * width) * 8;
    for (let c: u32 = 0; c < whole; c += 4) {
      const four = v128.load(rows);
      v128.store(to, f64x2.add(v128.load(to), f64x2.promote_low_f32x4(four)));
      const high = f64x2.promote_low_f32x4(i64x2.shuffle(four, four, 1, 1));
      v128.store(to, f64x2.add(v128.load(to, 16), high), 16);
      rows += 16;
      to += 32;
    }
    for (let c = whole; c < width; c++) {
      store<f64>(to, load<f64>(to) + <f64>load<f32>(rows));
      rows += 4;
      to += 8;
    }
  }
}

/**
 * One step of Adam.
 * @param values float32 `[count, width]`, changed.
 * @param sums float64 `[count, width]`.
 * @param moments float32 `[count, 2 * width]`, changed: a row's first moments, then its second.
 */
export function adamRows(
  values: usize,
  sums: usize,
  moments: usize,
  count: u32,
  width: u32,
  factor: f64,
  stepSize: f64,
  rest1: f64,
  rest2: f64,
  epsilon: f64,
): void {
  const whole = width & ~3;
  const toSecond = <usize>width * 4;
  for (let row: u32 = 0; row < count; row++) {
    for (let c: u32 = 0; c < whole; c += 4) {
      const p4 = v128.load(values);
      const m4 = v128.load(moments);
      const v4 = v128.load(moments + toSecond);
      // the lower two
      let g = f64x2.mul(v128.load(sums), f64x2.splat(factor));
      let m = f64x2.promote_low_f32x4(m4);
      let v = f64x2.promote_low_f32x4(v4);
      m = f64x2.add(m, f64x2.mul(f64x2.splat(rest1), f64x2.sub(g, m)));
      v = f64x2.add(v, f64x2.mul(f64x2.splat(rest2), f64x2.sub(f64x2.mul(g, g), v)));
      let step = f64x2.div(
        f64x2.mul(f64x2.splat(stepSize), m),
        f64x2.add(f64x2.sqrt(v), f64x2.splat(epsilon)),
      );
      const p01 = f32x4.demote_f64x2_zero(f64x2.sub(f64x2.promote_low_f32x4(p4), step));
      const m01 = f32x4.demote_f64x2_zero(m);
      const v01 = f32x4.demote_f64x2_zero(v);
      // the upper two
      g = f64x2.mul(v128.load(sums, 16), f64x2.splat(factor));
      m = f64x2.promote_low_f32x4(i64x2.shuffle(m4, m4, 1, 1));
      v = f64x2.promote_low_f32x4(i64x2.shuffle(v4, v4, 1, 1));
      m = f64x2.add(m, f64x2.mul(f64x2.splat(rest1), f64x2.sub(g, m)));
      v = f64x2.add(v, f64x2.mul(f64x2.splat(rest2), f64x2.sub(f64x2.mul(g, g), v)));
      step = f64x2.div(
        f64x2.mul(f64x2.splat(stepSize), m),
        f64x2.add(f64x2.sqrt(v), f64x2.splat(epsilon)),
      );
      const p23 = f32x4.demote_f64x2_zero(f64x2.sub(f64x2.promote_low_f32x4(i64x2.shuffle(p4, p4, 1, 1)), step));
      v128.store(values, i64x2.shuffle(p01, p23, 0, 2));
      v128.store(moments, i64x2.shuffle(m01, f32x4.demote_f64x2_zero(m), 0, 2));
      v128.store(moments + toSecond, i64x2.shuffle(v01, f32x4.demote_f64x2_zero(v), 0, 2));
      values += 16;
      sums += 32;
      moments += 16;
    }
    for (let c = whole; c < width; c++) {
      const g = load<f64>(sums) * factor;
      let m = <f64>load<f32>(moments);
      let v = <f64>load<f32>(moments + toSecond);
      m += rest1 * (g - m);
      v += rest2 * (g * g - v);
      store<f32>(moments, <f32>m);
      store<f32>(moments + toSecond, <f32>v);
      store<f32>(values, <f32>(<f64>load<f32>(values) - (stepSize * m) / (Math.sqrt(v) + epsilon)));
      values += 4;
      sums += 8;
      moments += 4;
    }
    moments += toSecond;
  }
}
