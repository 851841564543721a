// Numbers as people read them in tables, plots and titles: three digits that matter, and a unit that fits.

/** 1048576 as `1.05M`, 24 as `24`. */
export function shortCount(value: number): string {
  for (const [factor, suffix] of [
    [1e12, "T"],
    [1e9, "G"],
    [1e6, "M"],
    [1e3, "k"],
  ] as const) {
    if (Math.abs(value) >= factor) return `${digits(value / factor)}${suffix}`;
  }
  return digits(value);
}

/** Nanoseconds with a unit: `5.12 µs`. */
export function duration(ns: number): string {
  if (!Number.isFinite(ns)) return "";
  if (ns < 1e3) return `${digits(ns)} ns`;
  if (ns < 1e6) return `${digits(ns / 1e3)} µs`;
  if (ns < 1e9) return `${digits(ns / 1e6)} ms`;
  return `${digits(ns / 1e9)} s`;
}

/** Bytes with a unit: `64 MiB`. */
export function byteCount(bytes: number): string {
  for (const [power, unit] of [
    [40, "TiB"],
    [30, "GiB"],
    [20, "MiB"],
    [10, "KiB"],
  ] as const) {
    if (bytes >= 2 ** power) return `${digits(bytes / 2 ** power)} ${unit}`;
  }
  return `${digits(bytes)} B`;
}

/** Three digits that matter, no exponent. */
export function digits(value: number): string {
  if (!Number.isFinite(value)) return "";
  const size = Math.abs(value);
  if (size === 0) return "0";
  if (size >= 100) return value.toFixed(0);
  if (size >= 10) return trimmed(value.toFixed(1));
  if (size >= 1) return trimmed(value.toFixed(2));
  return trimmed(value.toFixed(Math.min(12, 2 - Math.floor(Math.log10(size)))));
}

function trimmed(text: string): string {
  return text.includes(".") ? text.replace(/\.?0+$/, "") : text;
}

/** A sentence's beginning. */
export function capital(text: string): string {
  return text.slice(0, 1).toUpperCase() + text.slice(1);
}
