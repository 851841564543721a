// `training.json`: what makes a folder a checkpoint to resume from. It is written last and names every file besides the
// model's own, with size and digest. Reading it checks every field: it comes from outside. No tensors here.

import { type CheckpointStorage, EngramError } from "@engram-ts/core";

/** The record's file. */
export const RECORD_NAME = "training.json";

/** The version of the format that this package reads and writes. */
export const RECORD_VERSION = 1;

/** A file of a checkpoint. */
export interface RecordedFile {
  readonly name: string;
  readonly bytes: number;
  /** Hex. */
  readonly sha256: string;
}

/** See {@link RECORD_NAME}. */
export interface TrainingRecord {
  readonly version: typeof RECORD_VERSION;
  /** Steps taken. */
  readonly step: number;
  /** Where the data goes on: what the source's `state()` gave. */
  readonly position: unknown;
  /** The run's configuration, for people; a resumed run may have another one. */
  readonly config: unknown;
  /** Moments of parameters. */
  readonly optimizer: readonly RecordedFile[];
  /** Rows that training has changed, with their moments. */
  readonly tables: readonly {
    readonly layer: number;
    readonly rows: number;
    readonly files: readonly RecordedFile[];
  }[];
}

/** Most bytes of a record. */
const MAX_RECORD_BYTES = 2 ** 26;

/**
 * Reads the record; `undefined` where there is none.
 * @throws EngramError `invalid-manifest`, and what the storage throws.
 */
export async function readRecord(storage: CheckpointStorage): Promise<TrainingRecord | undefined> {
  const bytes = await storage.size(RECORD_NAME);
  if (bytes === undefined) return undefined;
  if (bytes > MAX_RECORD_BYTES) throw invalid(storage, `it has ${bytes} bytes, more than ${MAX_RECORD_BYTES}`);
  const text = new TextDecoder().decode(await storage.read(RECORD_NAME, 0, bytes));
  let found: unknown;
  try {
    found = JSON.parse(text);
  } catch (cause) {
    throw invalid(storage, "it is no JSON", cause);
  }
  const record = fields(found, storage, "the record");
  if (record.version !== RECORD_VERSION)
    throw invalid(storage, `its version is ${String(record.version)}, not ${RECORD_VERSION}`);
  const whole = (value: unknown, name: string): number => {
    if (Number.isSafeInteger(value) && (value as number) >= 0) return value as number; // just checked
    throw invalid(storage, `${name} is ${JSON.stringify(value)}, not a whole number from 0`);
  };
  const list = (value: unknown, name: string): readonly unknown[] => {
    if (Array.isArray(value)) return value as readonly unknown[]; // just checked
    throw invalid(storage, `${name} is no list`);
  };
  const files = (value: unknown, name: string): RecordedFile[] =>
    list(value, name).map((one) => {
      const file = fields(one, storage, name);
      if (typeof file.name !== "string" || !/^[\w-][\w.-]*$/.test(file.name))
        throw invalid(storage, `${name} has a file without a plain name`);
      if (typeof file.sha256 !== "string" || !/^[0-9a-f]{64}$/.test(file.sha256))
        throw invalid(storage, `${file.name} has no digest`);
      return { name: file.name, bytes: whole(file.bytes, `${file.name}.bytes`), sha256: file.sha256 };
    });
  return {
    version: RECORD_VERSION,
    step: whole(record.step, "step"),
    position: record.position,
    config: record.config,
    optimizer: files(record.optimizer, "optimizer"),
    tables: list(record.tables, "tables").map((one) => {
      const table = fields(one, storage, "tables");
      return {
        layer: whole(table.layer, "tables.layer"),
        rows: whole(table.rows, "tables.rows"),
        files: files(table.files, "tables.files"),
      };
    }),
  };
}

/** Writes the record. */
export async function writeRecord(storage: CheckpointStorage, record: TrainingRecord): Promise<void> {
  await storage.write(RECORD_NAME, new TextEncoder().encode(`${JSON.stringify(record, undefined, 2)}\n`));
}

function fields(value: unknown, storage: CheckpointStorage, name: string): Readonly<Record<string, unknown>> {
  if (typeof value === "object" && value !== null && !Array.isArray(value)) return value as Record<string, unknown>; // a JSON object
  throw invalid(storage, `${name} is no object`);
}

function invalid(storage: CheckpointStorage, what: string, cause?: unknown): EngramError {
  return new EngramError({
    code: "invalid-manifest",
    operation: "trainer.restore",
    message: `${RECORD_NAME} in ${storage.name}: ${what}; use another checkpoint, or fetch this one again`,
    context: { file: RECORD_NAME },
    cause,
  });
}
