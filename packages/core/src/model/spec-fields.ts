// Reading a part of a model specification field by field: each call checks one field's type and range and gives it back,
// or refuses it with its path, what was found and what may stand there. When a part is read, `end` refuses what no call
// asked for. Also what the parsers of users' own kinds are given. Not here: what the fields mean together.

import { EngramError } from "../errors.js";
import { describe } from "../rows/manifest-fields.js";

/** One JSON object of a specification, being read. */
export interface SpecFields {
  /** Where the object is: `blocks[3].attention`; empty for the whole specification. */
  readonly path: string;
  /** Whether the field is there. */
  has(name: string): boolean;
  /** A whole number from `least` to `most`; `fallback` where the field is left out. */
  whole(name: string, range: NumberRange, meaning: string): number;
  /** A finite number from `least` to `most`; `fallback` where the field is left out. */
  real(name: string, range: NumberRange, meaning: string): number;
  /** True or false. */
  flag(name: string, fallback: boolean | undefined, meaning: string): boolean;
  /** One of the texts of `choices`. */
  choice<Choice extends string>(name: string, choices: readonly Choice[], fallback: Choice | undefined): Choice;
  /** A text of at most `most` characters; `undefined` where the field is left out. */
  text(name: string, most: number): string | undefined;
  /** The object in a field; `undefined` where the field is left out. */
  object(name: string): SpecFields | undefined;
  /** An array of `least` to `most` objects. */
  objects(name: string, least: number, most: number): readonly SpecFields[];
  /** The field as it stands, for another parser. */
  value(name: string): unknown;
  /** Refuses the field's value: `message` says what is wrong with it and how to mend it. */
  refuse(name: string, message: string): never;
  /** Refuses fields that nothing has asked for: a misspelt one would silently be another model. */
  end(): void;
}

/** See {@link SpecFields.whole}. */
export interface NumberRange {
  readonly least: number;
  readonly most: number;
  /** The value where the field is left out; where there is none, it must be there. */
  readonly fallback?: number;
}

/**
 * Starts to read `value`, which stands at `path`.
 * @throws EngramError `invalid-config` where it is no JSON object; so do all functions of the result.
 */
export function specFields(value: unknown, path: string): SpecFields {
  if (typeof value !== "object" || value === null || Array.isArray(value)) {
    refuseSpec(path, value, "use a JSON object");
  }
  const fields = value as Readonly<Record<string, unknown>>; // an object; each property is checked when it is read
  const asked = new Set<string>();
  const at = (name: string): string => (path === "" ? name : `${path}.${name}`);
  const take = (name: string): unknown => {
    asked.add(name);
    return Object.hasOwn(fields, name) ? fields[name] : undefined;
  };
  // null is a value, and a wrong one
  const given = (name: string, fallback: unknown): unknown => {
    const found = take(name);
    return found === undefined ? fallback : found;
  };
  const number = (name: string, range: NumberRange, meaning: string, whole: boolean): number => {
    const found = take(name);
    if (found === undefined && range.fallback !== undefined) return range.fallback;
    const { least, most } = range;
    const fits = whole ? Number.isSafeInteger(found) : Number.isFinite(found);
    if (typeof found !== "number" || !fits || found < least || found > most) {
      refuseSpec(at(name), found, `use a ${whole ? "whole number" : "number"} from ${least} to ${most}: ${meaning}`);
    }
    return found + 0; // negative zero becomes zero, so that equal specifications are written alike
  };
  return {
    path,
    has: (name) => take(name) !== undefined,
    whole: (name, range, meaning) => number(name, range, meaning, true),
    real: (name, range, meaning) => number(name, range, meaning, false),
    flag(name, fallback, meaning) {
      const found = given(name, fallback);
      if (typeof found !== "boolean") refuseSpec(at(name), found, `use true or false: ${meaning}`);
      return found;
    },
    choice(name, choices, fallback) {
      const found = given(name, fallback);
      const choice = choices.find((one) => one === found);
      return choice ?? refuseSpec(at(name), found, `use one of ${choices.join(", ")}`);
    },
    text(name, most) {
      const found = take(name);
      if (found === undefined) return undefined;
      if (typeof found !== "string" || found.length > most) {
        refuseSpec(at(name), found, `use a text of at most ${most} characters`);
      }
      return found;
    },
    object(name) {
      const found = take(name);
      return found === undefined ? undefined : specFields(found, at(name));
    },
    objects(name, least, most) {
      const found = take(name);
      if (!Array.isArray(found) || found.length < least || found.length > most) {
        refuseSpec(at(name), found, `use an array of ${least} to ${most} objects`);
      }
      // Array.from visits holes too, as undefined
      return Array.from(found, (entry: unknown, i) => specFields(entry, `${at(name)}[${i}]`));
    },
    value: take,
    refuse: (name, message) => refuseSpec(at(name), take(name), message),
    end() {
      const unknown = Object.keys(fields).find((name) => !asked.has(name));
      if (unknown === undefined) return;
      refuseSpec(
        at(unknown.slice(0, 80)),
        fields[unknown],
        `nothing of that name may stand here, only ${[...asked].join(", ")}; remove or rename it`,
      );
    },
  };
}

/** @throws EngramError `invalid-config`, always: `path` is `found`, and what to do about it. */
export function refuseSpec(path: string, found: unknown, message: string, cause?: unknown): never {
  const what = describe(found);
  throw new EngramError({
    code: "invalid-config",
    operation: "parseModelSpec",
    message: `${path === "" ? "the model specification" : path} is ${what}; ${message}`,
    context: { path, found: what },
    cause,
  });
}
