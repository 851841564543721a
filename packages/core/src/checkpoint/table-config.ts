// Fields of a checkpoint's config.json, checked one by one. Such files hold a whole model's configuration, so fields that
// are not asked for are passed over, unlike in files of our own. Not here: what the fields mean.

import { EngramError } from "../errors.js";

/** A configuration's fields, read with checks; the innermost object that describes the text model. */
export interface ConfigFields {
  /** A whole number in range, or `fallback` where the field is missing and one is given. */
  whole(name: string, least: number, most: number, fallback?: number): number;
  /** As {@link whole}, for a field that may stand under one of several names. */
  wholeOf(names: readonly string[], least: number, most: number, fallback?: number): number;
  /** An array of whole numbers; undefined where the field is missing. */
  wholes(name: string, least: number, most: number): readonly number[] | undefined;
  /** The value as it is. */
  value(name: string): unknown;
}

const MAX_LIST = 1024;

/**
 * Reads the text model's fields of a parsed config.json.
 * @param sections names of the objects that may hold them, tried in order; the file's top level comes last.
 * @param owner a field that the right object has.
 * @throws EngramError `invalid-config` where there is no such object.
 */
export function configFields(config: unknown, sections: readonly string[], owner: string): ConfigFields {
  const top = recordOf(config);
  const fields = [...sections.map((name) => recordOf(top?.[name])), top].find(
    (one) => one !== undefined && one[owner] !== undefined,
  );
  if (fields === undefined) {
    throw invalidConfig(owner, `config.json has no ${owner}, which these tables need; give the checkpoint's own file`);
  }
  const whole = (name: string, found: unknown, least: number, most: number): number => {
    if (typeof found === "number" && Number.isSafeInteger(found) && found >= least && found <= most) return found + 0;
    throw invalidConfig(
      name,
      `config.json: ${name} is ${shown(found)}; expected a whole number from ${least} to ${most}`,
    );
  };
  const wholeOf: ConfigFields["wholeOf"] = (names, least, most, fallback) => {
    const name = names.find((one) => fields[one] !== undefined && fields[one] !== null);
    if (name === undefined && fallback !== undefined) return fallback;
    return whole(name ?? names[0] ?? "", name === undefined ? undefined : fields[name], least, most);
  };
  return {
    wholeOf,
    whole: (name, least, most, fallback) => wholeOf([name], least, most, fallback),
    wholes(name, least, most) {
      const found = fields[name];
      if (found === undefined || found === null) return undefined;
      if (!Array.isArray(found) || found.length > MAX_LIST) {
        throw invalidConfig(name, `config.json: ${name} is ${shown(found)}; expected an array of whole numbers`);
      }
      return Array.from(found, (entry: unknown, i) => whole(`${name}[${i}]`, entry, least, most));
    },
    value: (name) => fields[name] ?? undefined,
  };
}

/** The error for a configuration that does not say what the tables need. */
export function invalidConfig(field: string, message: string): EngramError {
  return new EngramError({ code: "invalid-config", operation: "checkpointTables", message, context: { field } });
}

function recordOf(value: unknown): Readonly<Record<string, unknown>> | undefined {
  if (typeof value !== "object" || value === null || Array.isArray(value)) return undefined;
  return value as Readonly<Record<string, unknown>>; // an object of JSON: each field is checked at its use
}

function shown(value: unknown): string {
  if (value === undefined) return "missing";
  const text = JSON.stringify(value) ?? String(value);
  return text.length > 60 ? `${text.slice(0, 60)}...` : text;
}
