// The programs of a runtime, the latest used last. Limited in number and in bytes: a program of a long prompt holds much
// memory, and the next prompt has another length.

import { isEngramError } from "@engram-ts/core";
import { buildProgram, type Program, type ProgramDevice } from "./program.js";
import { type Sequence, sameNumbers } from "./sequence.js";

/** Programs by their sequences. */
export interface ProgramCache {
  find(sequence: Sequence): Program | undefined;
  /**
   * Builds a program, in whose favour others may go; with them results move, so that the sequence is written down here.
   * @throws EngramError as `buildProgram`.
   */
  build(write: () => Sequence): { readonly program: Program; readonly sequence: Sequence };
  readonly built: number;
  readonly bytes: number;
  close(): void;
}

const MOST_PROGRAMS = 64;
const MOST_SHARE = 0.25;

/** An empty cache. `evict` moves what is still wanted out of a program that goes. */
export function programCache(device: ProgramDevice, evict: (program: Program) => void): ProgramCache {
  const programs = new Map<Program, number>(); // in order of use; their hashes
  let built = 0;
  let bytes = 0;
  const most = device.memory.left * MOST_SHARE;

  const drop = (program: Program): void => {
    evict(program);
    programs.delete(program);
    bytes -= program.bytes;
    program.close();
  };
  const shrink = (): void => {
    for (const program of programs.keys()) {
      if ((device.keeps || programs.size < MOST_PROGRAMS) && bytes <= most) return;
      drop(program);
    }
  };
  return {
    get built() {
      return built;
    },
    get bytes() {
      return bytes;
    },
    find({ hash, numbers }) {
      for (const [program, own] of programs) {
        if (own !== hash || !sameNumbers(program.numbers, numbers)) continue;
        programs.delete(program);
        programs.set(program, hash);
        return program;
      }
      return undefined;
    },
    build(write) {
      shrink();
      let sequence = write();
      let program: Program;
      try {
        program = buildProgram(device, sequence);
      } catch (error) {
        if (!isEngramError(error, "out-of-memory") || programs.size === 0) throw error;
        for (const one of [...programs.keys()]) drop(one);
        sequence = write();
        program = buildProgram(device, sequence);
      }
      built++;
      bytes += program.bytes;
      programs.set(program, sequence.hash);
      return { program, sequence };
    },
    close() {
      for (const program of programs.keys()) program.close();
      programs.clear();
      bytes = 0;
    },
  };
}
