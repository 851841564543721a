// Reads the JSON of a safetensors header. JSON.parse cannot: it silently keeps the last of two tensors of one name and
// rounds offsets above 2^53. Objects become Maps, so that a tensor may be called `__proto__`.
// Not a general JSON reader: a number that is not a plain whole number up to 2^53 - 1 reads as NaN, since no field of a
// header takes one, and nesting is limited.

/** A JSON value; numbers are whole and exact, or NaN. */
export type HeaderValue = string | number | boolean | null | readonly HeaderValue[] | ReadonlyMap<string, HeaderValue>;

/** Why a text is no JSON that a header may hold, and at which character. */
export class HeaderJsonProblem extends Error {
  readonly at: number;

  constructor(message: string, at: number) {
    super(message);
    this.at = at;
  }
}

// A header nests four deep; fields that are not ours may nest some more, and must not exhaust the stack.
const MAX_DEPTH = 64;

/**
 * Reads one JSON value, with nothing but white space after it.
 * @throws HeaderJsonProblem where the text is no JSON, nests too deep, or an object has one name twice.
 */
export function readHeaderJson(text: string): HeaderValue {
  const cursor = { text, at: 0 };
  const value = readValue(cursor, 0);
  skipSpace(cursor);
  if (cursor.at < text.length) throw new HeaderJsonProblem("text follows the end of the JSON object", cursor.at);
  return value;
}

interface Cursor {
  readonly text: string;
  at: number;
}

function readValue(cursor: Cursor, depth: number): HeaderValue {
  if (depth > MAX_DEPTH) throw new HeaderJsonProblem(`values nest deeper than ${MAX_DEPTH}`, cursor.at);
  skipSpace(cursor);
  const first = cursor.text[cursor.at];
  if (first === "{") return readObject(cursor, depth);
  if (first === "[") return readArray(cursor, depth);
  if (first === '"') return readString(cursor);
  for (const [word, value] of WORDS) {
    if (cursor.text.startsWith(word, cursor.at)) {
      cursor.at += word.length;
      return value;
    }
  }
  return readNumber(cursor);
}

const WORDS: readonly (readonly [string, boolean | null])[] = [
  ["true", true],
  ["false", false],
  ["null", null],
];

function readObject(cursor: Cursor, depth: number): ReadonlyMap<string, HeaderValue> {
  const entries = new Map<string, HeaderValue>();
  cursor.at++;
  if (take(cursor, "}")) return entries;
  do {
    skipSpace(cursor);
    const at = cursor.at;
    const name = readString(cursor);
    if (entries.has(name)) throw new HeaderJsonProblem(`the name ${quoted(name)} stands twice in one object`, at);
    if (!take(cursor, ":")) throw new HeaderJsonProblem("expected ':' after a name", cursor.at);
    entries.set(name, readValue(cursor, depth + 1));
  } while (take(cursor, ","));
  if (!take(cursor, "}")) throw new HeaderJsonProblem("expected ',' or '}' in an object", cursor.at);
  return entries;
}

function readArray(cursor: Cursor, depth: number): readonly HeaderValue[] {
  const items: HeaderValue[] = [];
  cursor.at++;
  if (take(cursor, "]")) return items;
  do items.push(readValue(cursor, depth + 1));
  while (take(cursor, ","));
  if (!take(cursor, "]")) throw new HeaderJsonProblem("expected ',' or ']' in an array", cursor.at);
  return items;
}

function readString(cursor: Cursor): string {
  const { text } = cursor;
  const begin = cursor.at;
  if (text[begin] !== '"') throw new HeaderJsonProblem("expected a string", begin);
  let escaped = false;
  let at = begin + 1;
  for (; at < text.length; at++) {
    const code = text.charCodeAt(at);
    if (code === 0x22) break;
    if (code < 0x20) throw new HeaderJsonProblem("a control character inside a string", at);
    if (code === 0x5c) {
      escaped = true;
      at++; // whatever is escaped is no end of the string
    }
  }
  if (at >= text.length) throw new HeaderJsonProblem("a string without an end", begin);
  cursor.at = at + 1;
  if (!escaped) return text.slice(begin + 1, at);
  let value: string;
  try {
    value = JSON.parse(text.slice(begin, cursor.at)) as string; // a quoted slice can parse to nothing else
  } catch {
    throw new HeaderJsonProblem("an escape that JSON does not have inside a string", begin);
  }
  if (hasLoneSurrogate(value)) throw new HeaderJsonProblem("half of a surrogate pair inside a string", begin);
  return value;
}

const NUMBER = /-?(?:0|[1-9][0-9]*)(\.[0-9]+)?([eE][+-]?[0-9]+)?/y;

function readNumber(cursor: Cursor): number {
  NUMBER.lastIndex = cursor.at;
  const found = NUMBER.exec(cursor.text);
  if (found === null) throw new HeaderJsonProblem("expected a value", cursor.at);
  cursor.at += found[0].length;
  const whole = found[1] === undefined && found[2] === undefined && !found[0].startsWith("-");
  const value = Number(found[0]);
  return whole && Number.isSafeInteger(value) ? value : Number.NaN;
}

function take(cursor: Cursor, symbol: string): boolean {
  skipSpace(cursor);
  if (cursor.text[cursor.at] !== symbol) return false;
  cursor.at++;
  return true;
}

function skipSpace(cursor: Cursor): void {
  for (;;) {
    const code = cursor.text.charCodeAt(cursor.at);
    if (code !== 0x20 && code !== 0x0a && code !== 0x0d && code !== 0x09) return;
    cursor.at++;
  }
}

/** Whether a string has no UTF-8 form. */
export function hasLoneSurrogate(text: string): boolean {
  return /\p{Surrogate}/u.test(text);
}

/** A name from outside for a message: quoted, control characters escaped, cut to a length that a log survives. */
export function quoted(name: string): string {
  return JSON.stringify(name.length > 200 ? `${name.slice(0, 200)}...` : name);
}
