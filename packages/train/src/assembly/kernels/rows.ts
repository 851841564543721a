// A step of Adam for the rows of a table, in this module's memory. All arguments that are addresses lie there; the caller
// has checked them. Arithmetic is float32, four values at a time, in the order of the TypeScript twin in ../row-kernel.ts,
// whose results are the same bit for bit. The loop ends with what four leave over.

/**
 * One step of Adam.
 * @param values float32 `[count, width]`, changed.
 * @param gradients float32 `[count, width]`.
 * @param moments float32 `[count, 2 * width]`, changed: a row's first moments, then its second.
 */
export function adamRows(
  values: usize,
  gradients: usize,
  moments: usize,
  count: u32,
  width: u32,
  factor: f32,
  stepSize: f32,
  rest1: f32,
  rest2: f32,
  epsilon: f32,
): void {
  const whole = width & ~3;
  const toSecond = <usize>width * 4;
  const factor4 = f32x4.splat(factor);
  const stepSize4 = f32x4.splat(stepSize);
  const rest1Four = f32x4.splat(rest1);
  const rest2Four = f32x4.splat(rest2);
  const epsilon4 = f32x4.splat(epsilon);
  for (let row: u32 = 0; row < count; row++) {
    for (let c: u32 = 0; c < whole; c += 4) {
      const g = f32x4.mul(v128.load(gradients), factor4);
      let m = v128.load(moments);
      let v = v128.load(moments + toSecond);
      m = f32x4.add(m, f32x4.mul(rest1Four, f32x4.sub(g, m)));
      v = f32x4.add(v, f32x4.mul(rest2Four, f32x4.sub(f32x4.mul(g, g), v)));
      const step = f32x4.div(f32x4.mul(stepSize4, m), f32x4.add(f32x4.sqrt(v), epsilon4));
      v128.store(moments, m);
      v128.store(moments + toSecond, v);
      v128.store(values, f32x4.sub(v128.load(values), step));
      values += 16;
      gradients += 16;
      moments += 16;
    }
    for (let c = whole; c < width; c++) {
      const g = load<f32>(gradients) * factor;
      let m = load<f32>(moments);
      let v = load<f32>(moments + toSecond);
      m += rest1 * (g - m);
      v += rest2 * (g * g - v);
      store<f32>(moments, m);
      store<f32>(moments + toSecond, v);
      store<f32>(values, load<f32>(values) - (stepSize * m) / (sqrt<f32>(v) + epsilon));
      values += 4;
      gradients += 4;
      moments += 4;
    }
    moments += toSecond;
  }
}
