// Rows gathered out of mapped files, by the SIMD kernels of core where pieces lie one after the other. Files that others
// could cut are read under leases only, looked at before each step; where one has to go, the whole mapping goes, and rows
// are read through fs from then on. Which rows are in memory is mapped-residency's to say, and bringing them there
// mapped-load's: what is gathered here and missing blocks for as long as the disk takes.

import type { LocatedPart } from "@engram-ts/core";
import { type FileGuard, guardFile } from "./file-guard.js";
import type { CheckedFileOptions } from "./file-options.js";
import {
  type MappedMemory,
  type MappedRegion,
  type MappedSection,
  type MappedSections,
  mapSections,
} from "./mapped-sections.js";
import { type SystemCalls, systemCalls } from "./system-calls.js";
import type { TableFile } from "./table-file.js";

/** The mapping of one store's files. */
export interface MappedRows {
  readonly calls: SystemCalls;
  readonly sections: MappedSections;
  /** False once the mapping was given up: nothing may be read through it. */
  readonly open: boolean;
  /** Copies rows; false where the mapping had to be given up, and they are to be read. */
  gather(rowIds: Uint32Array, length: number, out: Uint8Array): boolean;
  /** Decodes rows; likewise. */
  decode(rowIds: Uint32Array, length: number, out: Float32Array): boolean;
  /** The section of a row. */
  sectionOf(row: number): number;
  /** Whether no file has been touched by others; gives the mapping up where one has. */
  guarded(): boolean;
  /** Ends the mapping; `reason` is for people. */
  close(reason: string): void;
}

/** Maps a table's files, or says why not. */
export function mappedRows(
  options: CheckedFileOptions,
  files: readonly TableFile[],
  onClose: (reason: string) => void,
): MappedRows | string {
  const calls = systemCalls();
  if (typeof calls === "string") return calls;
  const { table, locations, mapping } = options;
  const guards: FileGuard[] = [];
  const release = (): void => {
    for (const guard of guards.splice(0)) guard.release();
  };
  let given: MappedRows | undefined;
  for (const file of files) {
    const guard = guardFile(calls, file, mapping === "always", () =>
      given?.close(`${file.path} was opened for writing`),
    );
    if (typeof guard === "string") {
      release();
      return guard;
    }
    guards.push(guard);
  }
  const sections = mapSections(calls, table.encoding, locations, files, options.mappingBytes);
  if (sections === undefined) {
    release();
    return "the system refused to map the files";
  }
  given = mappingOf({ calls, options, files, sections, guards, release, onClose });
  return given;
}

interface Parts {
  readonly calls: SystemCalls;
  readonly options: CheckedFileOptions;
  readonly files: readonly TableFile[];
  readonly sections: MappedSections;
  readonly guards: readonly FileGuard[];
  release(): void;
  onClose(reason: string): void;
}

// Below, indexes are of arrays that cover them: ids lie in the table, parts and sections cover it.

function mappingOf({ calls, options, files, sections, guards, release, onClose }: Parts): MappedRows {
  const { rowBytes, parts, partOf } = options.locations;
  const { width } = options.table.encoding;
  const { chunkRows } = sections;
  const all = sections.sections;
  const hub = sections.memories[0] as MappedMemory;
  let open = true;
  /** When a file was last looked at, so that each is once a step. */
  const looked = new Uint32Array(files.length);
  let step = 0;
  const sectionOfRow = new Uint32Array(chunkRows);
  const ends = new Uint32Array(all.length + 1);
  const rowAt = new Uint32Array(chunkRows);
  const touched = new Uint32Array(Math.min(all.length, chunkRows));

  const close = (reason: string): void => {
    if (!open) return;
    open = false;
    sections.unmap();
    release();
    onClose(reason);
  };

  const guardedFile = (file: number): boolean => {
    if (looked[file] === step) return true;
    looked[file] = step;
    return (guards[file] as FileGuard).unchanged();
  };
  const guardedSection = ({ data, scales }: MappedSection): boolean =>
    guardedFile(data.file) && (scales === undefined || guardedFile(scales.file));

  const sectionOf =
    parts.length === 1
      ? (row: number) => Math.floor(row / (sections.sectionRows[0] as number))
      : (row: number) => {
          const part = partOf(row);
          const inPart = row - (parts[part] as LocatedPart).firstRow;
          return (sections.firstSection[part] as number) + Math.floor(inPart / (sections.sectionRows[part] as number));
        };

  /** Puts rows of one section, whose ids within it are in its memory, one after the other into the hub. */
  const collectSection = ({ memory, data, scales }: MappedSection, count: number, to: number): void => {
    if (scales === undefined) {
      const at = memory === hub ? to : memory.stagedAt;
      copyPieces(memory, memory.rows, data, count, at);
      if (memory !== hub) hub.bytes.set(memory.bytes.subarray(at, at + count * rowBytes), to);
      return;
    }
    copyPieces(memory, memory.values, data, count, memory.stagedAt);
    copyPieces(memory, memory.scales, scales, count, memory.stagedScalesAt);
    const { bytes, stagedAt, stagedScalesAt } = memory;
    const [valueBytes, scaleBytes] = [data.pieceBytes, scales.pieceBytes];
    for (let i = 0; i < count; i++) {
      const valuesAt = stagedAt + i * valueBytes;
      hub.bytes.set(bytes.subarray(valuesAt, valuesAt + valueBytes), to + i * rowBytes);
      const scalesAt = stagedScalesAt + i * scaleBytes;
      const scalesTo = to + i * rowBytes + valueBytes;
      for (let j = 0; j < scaleBytes; j++) hub.bytes[scalesTo + j] = bytes[scalesAt + j] as number;
    }
  };

  /** Collects at most a chunk of rows in the hub, grouped by section, its `order` saying where each is. */
  const collect = (rowIds: Uint32Array, from: number, count: number): boolean => {
    let sectionsTouched = 0;
    for (let i = 0; i < count; i++) {
      const section = sectionOf(rowIds[from + i] as number);
      sectionOfRow[i] = section;
      if (ends[section] === 0) touched[sectionsTouched++] = section;
      ends[section] = (ends[section] as number) + 1;
    }
    let end = 0;
    for (let i = 0; i < sectionsTouched; i++) {
      const section = touched[i] as number;
      const rows = ends[section] as number;
      ends[section] = end; // the start, for now
      end += rows;
    }
    for (let i = 0; i < count; i++) {
      const section = sectionOfRow[i] as number;
      const at = ends[section] as number;
      ends[section] = at + 1;
      hub.order[i] = at;
      rowAt[at] = rowIds[from + i] as number;
    }
    let intact = true;
    for (let i = 0, start = 0; i < sectionsTouched; i++) {
      const index = touched[i] as number;
      const section = all[index] as MappedSection;
      const stop = ends[index] as number;
      ends[index] = 0;
      intact &&= guardedSection(section);
      if (intact) {
        const { memory, firstRow } = section;
        for (let j = start; j < stop; j++) memory.ids[j - start] = (rowAt[j] as number) - firstRow;
        collectSection(section, stop - start, hub.packedAt + start * rowBytes);
      }
      start = stop;
    }
    return intact;
  };

  const only = all.length === 1 ? all[0] : undefined;
  const packed = only !== undefined && only.scales === undefined && only.data.stride === rowBytes ? only : undefined;

  /** Runs `one` for chunks of the batch; false where the mapping was given up. */
  const inSteps = (length: number, one: (from: number, count: number) => boolean): boolean => {
    for (let from = 0; open && from < length; from += chunkRows) {
      step = (step + 1) >>> 0;
      if (!one(from, Math.min(chunkRows, length - from))) close("a file was opened for writing, or changed");
    }
    return open;
  };

  const setIds = (memory: MappedMemory, rowIds: Uint32Array, from: number, count: number): void => {
    memory.ids.set(from === 0 && count === rowIds.length ? rowIds : rowIds.subarray(from, from + count));
  };

  return {
    calls,
    sections,
    get open() {
      return open;
    },
    gather: (rowIds, length, out) =>
      inSteps(length, (from, count) => {
        if (packed === undefined) {
          if (!collect(rowIds, from, count)) return false;
          hub.rows.gather(hub.orderAt, count, hub.packedAt, hub.stagedAt);
        } else {
          if (!guardedSection(packed)) return false;
          setIds(hub, rowIds, from, count);
          hub.rows.gather(0, count, packed.data.at, hub.stagedAt);
        }
        out.set(hub.bytes.subarray(hub.stagedAt, hub.stagedAt + count * rowBytes), from * rowBytes);
        return true;
      }),
    decode: (rowIds, length, out) =>
      inSteps(length, (from, count) => {
        if (packed === undefined) {
          if (!collect(rowIds, from, count)) return false;
          hub.rows.decode(hub.orderAt, count, hub.packedAt, hub.decodedAt);
        } else {
          if (!guardedSection(packed)) return false;
          setIds(hub, rowIds, from, count);
          hub.rows.decode(0, count, packed.data.at, hub.decodedAt);
        }
        out.set(new Float32Array(hub.bytes.buffer, hub.decodedAt, count * width), from * width);
        return true;
      }),
    sectionOf,
    guarded() {
      step = (step + 1) >>> 0;
      for (let file = 0; open && file < files.length; file++) {
        if (!guardedFile(file)) close("a file was opened for writing, or changed");
      }
      return open;
    },
    close,
  };
}

/** Copies the pieces of rows whose ids are in the memory, one after the other, to `to`. */
function copyPieces(
  memory: MappedMemory,
  kernel: MappedMemory["rows"],
  { at, stride, pieceBytes }: MappedRegion,
  count: number,
  to: number,
): void {
  if (stride === pieceBytes) {
    kernel.gather(0, count, at, to);
    return;
  }
  const { bytes, ids } = memory;
  for (let i = 0; i < count; i++) {
    const from = at + (ids[i] as number) * stride;
    bytes.copyWithin(to + i * pieceBytes, from, from + pieceBytes);
  }
}
