// What every contestant of the gather benchmark does, whatever its language: the same table, the same row ids, the same
// checksum. The C and Python contestants in ../native repeat this arithmetic.

/** One request, written to a contestant as numbers on a line in this order. */
export interface GatherRequest {
  readonly rowBytes: number;
  /** Ids are drawn from the first so many rows of the table. */
  readonly rows: number;
  /** Row ids a call. */
  readonly count: number;
  /** Calls timed together. */
  readonly calls: number;
  readonly seed: number;
  /** 1 to compute the checksum of the last call's rows, 0 not to. */
  readonly check: 0 | 1;
}

/** A contestant's answer, one line of JSON. */
export interface GatherAnswer {
  /** Time by the clock. */
  readonly ns: number;
  /** Time of the process on processors, which other programs on the machine lengthen less. */
  readonly cpuNs: number;
  readonly checksum: number;
}

/** The request's line. */
export function requestLine(request: GatherRequest): string {
  const { rowBytes, rows, count, calls, seed, check } = request;
  return `${rowBytes} ${rows} ${count} ${calls} ${seed} ${check}\n`;
}

/** Reads a request's line. */
export function parseRequest(line: string): GatherRequest {
  const [rowBytes = 0, rows = 0, count = 0, calls = 0, seed = 0, check = 0] = line.split(" ").map(Number);
  return { rowBytes, rows, count, calls, seed, check: check === 1 ? 1 : 0 };
}

/** The row ids of all calls, `[calls, count]`: a 32-bit mix of a counter, modulo the rows. */
export function workloadRowIds({ rows, count, calls, seed }: GatherRequest): Uint32Array {
  const ids = new Uint32Array(count * calls);
  for (let i = 0; i < ids.length; i++) {
    let x = (seed + i) >>> 0;
    x ^= x >>> 16;
    x = Math.imul(x, 0x7feb352d);
    x ^= x >>> 15;
    x = Math.imul(x, 0x846ca68b);
    ids[i] = ((x ^ (x >>> 16)) >>> 0) % rows;
  }
  return ids;
}

/** Writes the table's words from byte `at` on, a multiple of 4: word `i` is `i * 2654435761` modulo 2^32. */
export function fillTable(at: number, bytes: Uint8Array): void {
  const words = new Uint32Array(bytes.buffer, bytes.byteOffset, bytes.length / 4);
  let word = Math.imul(at / 4, 0x9e3779b1);
  for (let i = 0; i < words.length; i++) {
    words[i] = word;
    word = (word + 0x9e3779b1) | 0;
  }
}

/** A checksum of words that depends on their order. */
export function checksum(bytes: Uint8Array): number {
  const words = new Uint32Array(bytes.buffer, bytes.byteOffset, bytes.length / 4);
  let sum = 0;
  for (let i = 0; i < words.length; i++) sum = (sum + Math.imul(words[i] ?? 0, i | 1)) | 0;
  return sum >>> 0;
}
