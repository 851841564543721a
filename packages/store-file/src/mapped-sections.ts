// Files mapped into WebAssembly memories, so that the SIMD kernels of core read rows straight from the system's cache. A
// WebAssembly memory holds 4 GiB, so a table is cut into sections, each a run of rows of one part; a memory holds
// as many sections as fit, after some working space. What is mapped is read-only.

import {
  E8M0_BLOCK,
  GATHER_SLACK_BYTES,
  type GatherKernel,
  type LocatedPart,
  type LocatedRegion,
  type RowEncoding,
  type RowLocations,
  wasmGatherKernel,
} from "@engram-ts/core";
import type { SystemCalls } from "./system-calls.js";
import type { TableFile } from "./table-file.js";

/** One WebAssembly memory. */
export interface MappedMemory {
  readonly bytes: Uint8Array;
  /** Where the memory lies in the process. */
  readonly address: number;
  /** Row ids for the kernel. */
  readonly ids: Uint32Array;
  /** Where rows are staged, values and scales apart where they lie apart. */
  readonly stagedAt: number;
  readonly stagedScalesAt: number;
  /** In the first memory: where rows of all sections are collected, and where each row asked for is among them. */
  readonly packedAt: number;
  readonly order: Uint32Array;
  readonly orderAt: number;
  /** Where values are decoded to. */
  readonly decodedAt: number;
  /** Whole rows; its `decode` needs them packed. */
  readonly rows: GatherKernel;
  /** The values of rows, and their scales, where they lie apart. */
  readonly values: GatherKernel;
  readonly scales: GatherKernel;
}

/** Pieces of rows, evenly spaced. */
export interface MappedRegion {
  /** Index of the file. */
  readonly file: number;
  /** Where the first row of the section lies in its memory. */
  readonly at: number;
  readonly stride: number;
  readonly pieceBytes: number;
}

/** A run of rows in one memory. */
export interface MappedSection {
  readonly memory: MappedMemory;
  readonly firstRow: number;
  readonly data: MappedRegion;
  readonly scales: MappedRegion | undefined;
}

/** All rows of a table, mapped. */
export interface MappedSections {
  readonly memories: readonly MappedMemory[];
  readonly sections: readonly MappedSection[];
  /** For each part, its first section and the rows of each of its sections. */
  readonly firstSection: Uint32Array;
  readonly sectionRows: Float64Array;
  /** Most rows of one step of a gather. */
  readonly chunkRows: number;
  unmap(): void;
}

const MEMORY_BYTES = 2 ** 32 - 2 ** 16;
/** Staged rows should stay in the processor's second cache. */
const STAGED_BYTES = 2 ** 18;
const WASM_PAGE = 2 ** 16;

interface Placed {
  readonly file: number;
  readonly fileOffset: number;
  readonly length: number;
  readonly place: number;
  readonly memory: number;
}

/** Maps all files; undefined where the system refuses. */
export function mapSections(
  calls: SystemCalls,
  encoding: RowEncoding,
  locations: RowLocations,
  files: readonly TableFile[],
  mappingBytes: number,
): MappedSections | undefined {
  const chunkRows = Math.max(16, Math.min(4096, Math.floor(STAGED_BYTES / locations.rowBytes)));
  const space = workingSpace(encoding, locations.rowBytes, chunkRows);
  const first = Math.ceil(space.bytes / WASM_PAGE) * WASM_PAGE;
  const most = Math.min(mappingBytes, MEMORY_BYTES - first);
  const places: Placed[] = [];
  const sizes: number[] = [];
  /** Finds a place for the pages of a run of rows; gives where its first row will lie. */
  const place = (region: LocatedRegion, firstRow: number, rows: number): { memory: number; at: number } => {
    const from = region.offset + firstRow * region.stride;
    const until = from + (rows - 1) * region.stride + region.pieceBytes;
    const fileOffset = Math.floor(from / calls.pageBytes) * calls.pageBytes;
    const length = Math.ceil((until - fileOffset) / calls.pageBytes) * calls.pageBytes;
    let memory = sizes.length - 1;
    if (memory < 0 || (sizes[memory] as number) + length > first + most) memory = sizes.push(first) - 1;
    const at = sizes[memory] as number; // there is one
    sizes[memory] = at + length;
    places.push({ file: region.object, fileOffset, length, place: at, memory });
    return { memory, at: at + from - fileOffset };
  };
  const planned = planSections(locations, most - 4 * calls.pageBytes, place);
  const memories: MappedMemory[] = [];
  const mapped: { address: number; length: number }[] = [];
  const unmap = (): void => {
    for (const { address, length } of mapped.splice(0)) calls.unmap(address, length);
  };
  try {
    for (const size of sizes) {
      const made = mappedMemory(calls, encoding, locations, { size: size + WASM_PAGE, chunkRows, ...space });
      if (made === undefined) return undefined;
      memories.push(made);
    }
    for (const one of places) {
      const address = (memories[one.memory] as MappedMemory).address + one.place;
      if (!calls.map(address, one.length, files[one.file]?.descriptor ?? -1, one.fileOffset)) {
        unmap();
        return undefined;
      }
      mapped.push({ address, length: one.length });
      calls.adviseRandom(address, one.length);
    }
  } catch {
    unmap();
    return undefined; // no address space, or no shared memories
  }
  const sections = planned.sections.map(
    ({ memory, ...section }): MappedSection => ({ ...section, memory: memories[memory] as MappedMemory }),
  );
  const { firstSection, sectionRows } = planned;
  return { memories, sections, firstSection, sectionRows, chunkRows, unmap };
}

interface PlannedSection extends Omit<MappedSection, "memory"> {
  readonly memory: number;
}

function planSections(
  locations: RowLocations,
  sectionBytes: number,
  place: (region: LocatedRegion, firstRow: number, rows: number) => { memory: number; at: number },
) {
  const { parts } = locations;
  const sections: PlannedSection[] = [];
  const firstSection = new Uint32Array(parts.length);
  const sectionRows = new Float64Array(parts.length);
  parts.forEach(({ firstRow, endRow, data, scales }: LocatedPart, index) => {
    // Values and scales of a section must lie in one memory, so both count.
    const bytes = data.stride + (scales?.stride ?? 0);
    const rowsOfOne = Math.max(1, Math.floor(sectionBytes / bytes));
    firstSection[index] = sections.length;
    sectionRows[index] = rowsOfOne;
    for (let row = firstRow; row < endRow; row += rowsOfOne) {
      const rows = Math.min(rowsOfOne, endRow - row);
      const placeOf = (region: LocatedRegion) => place(region, row - firstRow, rows);
      const region = ({ object: file, stride, pieceBytes }: LocatedRegion, at: number): MappedRegion => {
        return { file, at, stride, pieceBytes };
      };
      const dataPlace = placeOf(data);
      const scalesPlace = scales === undefined ? undefined : placeOf(scales);
      if (scales === undefined || scalesPlace === undefined) {
        sections.push({ memory: dataPlace.memory, firstRow: row, data: region(data, dataPlace.at), scales: undefined });
        continue;
      }
      // Where the scales began a new memory, the values follow them there.
      const values = scalesPlace.memory === dataPlace.memory ? dataPlace : placeOf(data);
      const { memory } = scalesPlace;
      sections.push({ memory, firstRow: row, data: region(data, values.at), scales: region(scales, scalesPlace.at) });
    }
  });
  return { sections, firstSection, sectionRows };
}

interface WorkingSpace {
  readonly stagedAt: number;
  readonly stagedScalesAt: number;
  readonly packedAt: number;
  readonly orderAt: number;
  readonly decodedAt: number;
  readonly bytes: number;
}

function workingSpace(encoding: RowEncoding, rowBytes: number, chunkRows: number): WorkingSpace {
  const after = (at: number, bytes: number): number => Math.ceil((at + bytes + GATHER_SLACK_BYTES) / 64) * 64;
  const stagedAt = after(0, 4 * chunkRows);
  const stagedScalesAt = after(stagedAt, rowBytes * chunkRows);
  const packedAt = after(stagedScalesAt, rowBytes * chunkRows);
  const orderAt = after(packedAt, rowBytes * chunkRows);
  const decodedAt = after(orderAt, 4 * chunkRows);
  return {
    stagedAt,
    stagedScalesAt,
    packedAt,
    orderAt,
    decodedAt,
    bytes: after(decodedAt, 4 * encoding.width * chunkRows),
  };
}

function mappedMemory(
  calls: SystemCalls,
  encoding: RowEncoding,
  { rowBytes }: RowLocations,
  options: WorkingSpace & { size: number; chunkRows: number },
): MappedMemory | undefined {
  const pages = Math.ceil(options.size / WASM_PAGE);
  const memory = new WebAssembly.Memory({ initial: pages, maximum: pages });
  const bytes = new Uint8Array(memory.buffer);
  /** A kernel that copies pieces of so many bytes. */
  const pieces = (width: number) => wasmGatherKernel(memory, { kind: "fp8-e4m3", width, scale: 1 });
  const scaleBytes = encoding.kind === "int8" ? 4 : encoding.kind === "fp8-e4m3-e8m0" ? encoding.width / E8M0_BLOCK : 0;
  const rows = wasmGatherKernel(memory, encoding);
  const values = scaleBytes === 0 ? rows : pieces(rowBytes - scaleBytes);
  const scales = scaleBytes === 0 ? rows : pieces(scaleBytes);
  if (rows === undefined || values === undefined || scales === undefined) return undefined;
  const { stagedAt, stagedScalesAt, packedAt, orderAt, decodedAt } = options;
  const order = new Uint32Array(memory.buffer, orderAt, options.chunkRows);
  const ids = new Uint32Array(memory.buffer, 0, options.chunkRows);
  const working = { ids, stagedAt, stagedScalesAt, packedAt, order, orderAt, decodedAt };
  return { bytes, address: calls.addressOf(bytes), ...working, rows, values, scales };
}
