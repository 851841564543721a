// The few calls of Linux that Node does not offer, through the optional package koffi: mapping over memory that is there
// already, leases, what the system's cache holds, and reading ahead. Addresses are numbers, exact below 2^53.
// Numbers of flags and calls are those of the kernel's own headers; the calls without a name have one number everywhere.

import { createRequire } from "node:module";
import { endianness } from "node:os";
import type * as Koffi from "koffi";

/** The calls, bound. */
export interface SystemCalls {
  readonly pageBytes: number;
  addressOf(bytes: Uint8Array): number;
  /** Puts a file's pages, read-only, in the place of memory; false where the system refuses. */
  map(address: number, length: number, descriptor: number, offset: number): boolean;
  /** Puts empty memory in the place of pages. */
  unmap(address: number, length: number): void;
  /** Says that pages will be read in no order, so that one that is missing is read alone. */
  adviseRandom(address: number, length: number): void;
  /** Takes a lease on a file: who would write to it or cut it has to wait. False where the system gives none. */
  takeLease(descriptor: number): boolean;
  /** Whether the lease is there, and nobody waits for its end. */
  leaseHeld(descriptor: number): boolean;
  dropLease(descriptor: number): void;
  /** Whether a page of a mapping, by its address, is in memory. */
  inMemory(page: number): boolean;
  /** Whether the two below are to be had; a sandbox may forbid them. */
  readonly readsAhead: boolean;
  /** Starts reading pages, off this thread. The list and what it names must stay alive until then, here and below. */
  readAhead(pages: PieceList): Promise<void>;
  /** Copies pieces of a mapping, off this thread, waiting for pages that are missing; gives the bytes copied, or -1. */
  copy(to: PieceList, from: PieceList): Promise<number>;
}

/** Addresses and lengths, as the system takes them. */
export interface PieceList {
  readonly words: Uint32Array;
  readonly address: number;
  count: number;
}

const PROT_READ = 1;
const PROT_READ_WRITE = 3;
const MAP_SHARED_FIXED = 0x11;
const MAP_ANONYMOUS_PRIVATE_FIXED = 0x32;
const MADV_RANDOM = 1;
const MADV_WILLNEED = 3;
const F_SETSIG = 10;
const F_SETLEASE = 1024;
const F_GETLEASE = 1025;
const F_RDLCK = 0;
const F_UNLCK = 2;
/** Sent when someone waits for the end of a lease; ignored by a process that does not listen for it. */
export const LEASE_SIGNAL = "SIGURG";
const LEASE_SIGNAL_NUMBER = 23;
const SYS_PIDFD_OPEN = 434;
const SYS_PROCESS_MADVISE = 440;

/** Most pieces of one call. */
export const MAX_PIECES = 1024;

let loaded: SystemCalls | string | undefined;

/** The calls, or why there are none. */
export function systemCalls(): SystemCalls | string {
  loaded ??= load();
  return loaded;
}

/** An empty list. Its memory is an ArrayBuffer's, which never moves; a small typed array's could. */
export function pieceList(length: number): PieceList {
  const calls = systemCalls();
  const words = new Uint32Array(new ArrayBuffer(16 * length));
  return { words, address: typeof calls === "string" ? 0 : calls.addressOf(new Uint8Array(words.buffer)), count: 0 };
}

/** Appends one piece. */
export function addPiece(pieces: PieceList, address: number, length: number): void {
  const at = 4 * pieces.count++;
  pieces.words[at] = address % 2 ** 32;
  pieces.words[at + 1] = address / 2 ** 32;
  pieces.words[at + 2] = length;
}

function load(): SystemCalls | string {
  if (process.platform !== "linux") return "only on Linux";
  if (endianness() !== "LE" || !["x64", "arm64"].includes(process.arch)) return "only on x64 and arm64";
  try {
    return bind(createRequire(import.meta.url)("koffi") as typeof Koffi); // the package's own type
  } catch (error) {
    if ((error as { code?: unknown }).code === "MODULE_NOT_FOUND") return "npm install koffi to have files mapped";
    return error instanceof Error ? error.message : String(error);
  }
}

function bind(koffi: typeof Koffi): SystemCalls {
  const libc = koffi.load(null);
  const getpagesize = libc.func("int getpagesize()");
  const mmap = libc.func("intptr_t mmap(uintptr_t, size_t, int, int, int, int64_t)");
  const madvise = libc.func("int madvise(uintptr_t, size_t, int)");
  const mincore = libc.func("int mincore(uintptr_t, size_t, uintptr_t)");
  const fcntl = libc.func("int fcntl(int, int, int)");
  const processVmReadv = libc.func(
    "int64_t process_vm_readv(int, uintptr_t, unsigned long, uintptr_t, unsigned long, unsigned long)",
  );
  const syscall = libc.func("long syscall(long, long, uintptr_t, unsigned long, unsigned long, unsigned long)");
  const addressOf = (bytes: Uint8Array): number => Number(koffi.address(bytes));
  const residency = new Uint8Array(new ArrayBuffer(4096));
  const residencyAddress = addressOf(residency);
  const pageBytes = Number(getpagesize());
  const self = Number(syscall(SYS_PIDFD_OPEN, process.pid, 0, 0, 0, 0));
  /** Tries both calls: the first on no pages, the second on a few bytes of our own. */
  const canReadAhead = (): boolean => {
    const piece = new Uint32Array(new ArrayBuffer(16));
    piece.set([residencyAddress % 2 ** 32, residencyAddress / 2 ** 32, 8, 0]);
    const at = addressOf(new Uint8Array(piece.buffer));
    if (Number(syscall(SYS_PROCESS_MADVISE, self, at, 0, MADV_WILLNEED, 0)) !== 0) return false;
    return Number(processVmReadv(process.pid, at, 1, at, 1, 0)) === 8;
  };

  return {
    pageBytes,
    addressOf,
    map: (address, length, descriptor, offset) =>
      Number(mmap(address, length, PROT_READ, MAP_SHARED_FIXED, descriptor, offset)) === address,
    unmap(address, length) {
      mmap(address, length, PROT_READ_WRITE, MAP_ANONYMOUS_PRIVATE_FIXED, -1, 0);
    },
    adviseRandom(address, length) {
      madvise(address, length, MADV_RANDOM);
    },
    takeLease: (descriptor) =>
      fcntl(descriptor, F_SETSIG, LEASE_SIGNAL_NUMBER) === 0 && fcntl(descriptor, F_SETLEASE, F_RDLCK) === 0,
    leaseHeld: (descriptor) => fcntl(descriptor, F_GETLEASE, 0) === F_RDLCK,
    dropLease(descriptor) {
      fcntl(descriptor, F_SETLEASE, F_UNLCK);
    },
    inMemory: (page) => mincore(page, pageBytes, residencyAddress) === 0 && ((residency[0] as number) & 1) === 1,
    readsAhead: self >= 0 && canReadAhead(),
    readAhead: (pages) =>
      new Promise((resolve) => {
        syscall.async(SYS_PROCESS_MADVISE, self, pages.address, pages.count, MADV_WILLNEED, 0, () => resolve());
      }),
    copy: (to, from) =>
      new Promise((resolve) => {
        const done = (error: unknown, result: unknown): void => resolve(error ? -1 : Number(result));
        processVmReadv.async(process.pid, to.address, to.count, from.address, from.count, 0, done);
      }),
  };
}
