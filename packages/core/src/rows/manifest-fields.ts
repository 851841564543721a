// Reading foreign JSON field by field. Each function takes a value and its path in the document, and gives it back
// checked, or refuses it with a message that names the path, what was found and what is allowed.

import { EngramError } from "../errors.js";

/** @throws EngramError `invalid-manifest`, always. */
export function refuseField(path: string, found: unknown, allowed: string, cause?: unknown): never {
  throw new EngramError({
    code: "invalid-manifest",
    operation: "parseManifest",
    message: `${path} is ${describe(found)}; ${allowed}`,
    context: { path, found: describe(found) },
    cause,
  });
}

/** A JSON object with no fields but these; fields that are unknown may change what the others mean, so none is ignored. */
export function objectField<Name extends string>(
  value: unknown,
  path: string,
  names: readonly Name[],
): Readonly<Partial<Record<Name, unknown>>> {
  if (typeof value !== "object" || value === null || Array.isArray(value)) {
    refuseField(path, value, `use an object with ${names.join(", ")}`);
  }
  for (const name of Object.keys(value)) {
    if (!(names as readonly string[]).includes(name)) {
      const where = `${path}.${JSON.stringify(name.slice(0, 80))}`;
      refuseField(where, (value as Record<string, unknown>)[name], `only ${names.join(", ")} may stand here`);
    }
  }
  return value as Readonly<Partial<Record<Name, unknown>>>; // an object whose fields are all among the names
}

/** A whole number; negative zero becomes zero. */
export function wholeField(value: unknown, path: string, least: number, most: number, meaning: string): number {
  if (typeof value !== "number" || !Number.isSafeInteger(value) || value < least || value > most) {
    refuseField(path, value, `use a whole number from ${least} to ${most}: ${meaning}`);
  }
  return value + 0;
}

/** An array of `least` to `most` entries, each read by `read`. */
export function arrayField<T>(
  value: unknown,
  path: string,
  least: number,
  most: number,
  read: (entry: unknown, path: string) => T,
): T[] {
  if (!Array.isArray(value) || value.length < least || value.length > most) {
    const count = least === most ? String(least) : `${least} to ${most}`;
    refuseField(path, value, `use an array of ${count} entries`);
  }
  // Array.from visits holes too, as undefined.
  return Array.from(value, (entry: unknown, i) => read(entry, `${path}[${i}]`));
}

/** A string that `pattern` matches. */
export function textField(value: unknown, path: string, pattern: RegExp, allowed: string): string {
  if (typeof value !== "string" || !pattern.test(value)) refuseField(path, value, allowed);
  return value;
}

/** A SHA-256, 64 lower-case hexadecimal digits. */
export function sha256Field(value: unknown, path: string): string {
  return textField(value, path, /^[0-9a-f]{64}$/, "use a SHA-256 as 64 lower-case hexadecimal digits");
}

const SEGMENT = /^[A-Za-z0-9._+=@,-]*[A-Za-z0-9_+=@,-]$/;

/** Most characters of a URI in a manifest. */
export const MAX_URI_LENGTH = 1024;

/**
 * A relative URI that names something below the manifest's directory or prefix and nothing else, however a reader
 * joins, decodes or resolves it: no scheme, no drive, no root, no "..", no "%", no backslash. What is left is plain.
 */
export function uriField(value: unknown, path: string): string {
  const allowed =
    'use a path below the manifest: names of A-Z a-z 0-9 . _ - + = @ , that do not end in ".", joined by single "/"';
  if (typeof value !== "string" || value.length > MAX_URI_LENGTH) {
    refuseField(path, value, `${allowed}, at most ${MAX_URI_LENGTH} characters`);
  }
  if (!value.split("/").every((segment) => SEGMENT.test(segment))) refuseField(path, value, allowed);
  return value;
}

/** A foreign value for a message: short, and safe whatever it is. */
export function describe(value: unknown): string {
  if (value === undefined) return "missing";
  if (typeof value === "string") {
    const text = JSON.stringify(value.slice(0, 80));
    return value.length > 80 ? `${text} and ${value.length - 80} characters more` : text;
  }
  if (Array.isArray(value)) return `an array of ${value.length}`;
  if (typeof value === "number" || typeof value === "boolean" || value === null) return String(value);
  return typeof value === "object" ? "an object" : `of type ${typeof value}`;
}
