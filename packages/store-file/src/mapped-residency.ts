// Whether the rows of a batch are in memory, so that gathering them does not wait for a disk. Asking for each page costs
// half a microsecond, more than copying its rows: so all are asked for only after some were found missing, and else one
// in 64. A wrong guess costs the time of a few page faults, never a wrong row.

import type { MappedRows } from "./mapped-rows.js";
import type { MappedRegion, MappedSection } from "./mapped-sections.js";

/** Batches that are looked at whole after one that had rows missing. */
const WARY_BATCHES = 32;
/** Larger batches are never looked at whole. */
const WHOLE_ROWS = 256;
const SAMPLED_SHARE = 64;
const MAX_SAMPLES = 16;

/** Answers for the batches of one store. */
export interface MappedResidency {
  /** Whether the rows are, or are likely, in memory. */
  inMemory(mapped: MappedRows, rowIds: Uint32Array, length: number): boolean;
}

/** Wary at first. */
export function mappedResidency(): MappedResidency {
  let wary = WARY_BATCHES;
  let next = 0;
  const look = (mapped: MappedRows, row: number): boolean => {
    const { memory, firstRow, data, scales } = mapped.sections.sections[mapped.sectionOf(row)] as MappedSection;
    const pageOf = ({ at, stride }: MappedRegion): number => {
      const address = memory.address + at + (row - firstRow) * stride;
      return address - (address % mapped.calls.pageBytes);
    };
    return mapped.calls.inMemory(pageOf(data)) && (scales === undefined || mapped.calls.inMemory(pageOf(scales)));
  };
  return {
    inMemory(mapped, rowIds, length) {
      if (length === 0) return true;
      const whole = wary > 0 && length <= WHOLE_ROWS;
      const samples = whole ? length : Math.max(1, Math.min(MAX_SAMPLES, Math.floor(length / SAMPLED_SHARE)));
      const stride = Math.floor(length / samples);
      next = whole ? 0 : next + 1;
      for (let i = 0; i < samples; i++) {
        const at = (next + i * stride) % length;
        if (look(mapped, rowIds[at] as number)) continue; // at < length
        wary = WARY_BATCHES;
        return false;
      }
      if (wary > 0) wary--;
      return true;
    },
  };
}
