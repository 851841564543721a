// The gate of one token and stream from its score s = <key, query> / sqrt(d): a sigmoid of the signed square root of s.
// The square root is in the published code and models, though not in the paper's equations 4 and 6. The two kinds
// differ at s = 0 alone: the paper's module takes sign(0) = 0, DeepSeek-V4.1's copies the sign bit.

// Below this magnitude the square root stays at 1e-3: its slope at 0 would be infinite.
const LEAST_SCORE = 1e-6;

/** The paper's module: sigmoid(sign(s) sqrt(max(|s|, 1e-6))); exactly 0.5 at s = 0. */
export function signedRootGate(s: number): number {
  return sigmoid(Math.sign(s) * Math.sqrt(Math.max(Math.abs(s), LEAST_SCORE)));
}

/** DeepSeek-V4.1's: sigmoid(copysign(sqrt(max(|s|, 1e-6)), s)); 0 and -0 give sigmoid(1e-3) and sigmoid(-1e-3). */
export function copiedSignGate(s: number): number {
  const root = Math.sqrt(Math.max(Math.abs(s), LEAST_SCORE));
  return sigmoid(s < 0 || Object.is(s, -0) ? -root : root);
}

/** 1 / (1 + e^-x). */
export function sigmoid(x: number): number {
  return 1 / (1 + Math.exp(-x));
}

/** Slope of both gates at score s, where `gate` is their value: 0 where the magnitude is held at its least. */
export function gateSlope(s: number, gate: number): number {
  const magnitude = Math.abs(s);
  if (magnitude <= LEAST_SCORE) return 0;
  return (gate * (1 - gate)) / (2 * Math.sqrt(magnitude));
}

/** x sigmoid(x). */
export function silu(x: number): number {
  return x * sigmoid(x);
}

/** Slope of {@link silu}. */
export function siluSlope(x: number): number {
  const s = sigmoid(x);
  return s * (1 + x * (1 - s));
}
