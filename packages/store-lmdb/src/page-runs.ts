// Pages to be read, put together into fewer reads where they lie close: a read costs the process some 10 us, in which a
// disk gives a few pages more. Pages of a small batch lie far apart in any table worth the name, so those stay as they are.

/** Reads, and which of the pages each of them brings. */
export interface PageRuns {
  readonly offsets: readonly number[];
  /** Bytes of each read; at most {@link MAX_RUN_BYTES}. */
  readonly lengths: readonly number[];
  /** Where the pages of each read start in `order`; one more than there are reads. */
  readonly starts: readonly number[];
  /** Indexes of the pages given, read by read. */
  readonly order: Uint32Array;
}

export const MAX_RUN_BYTES = 2 ** 18;
const PAGE_BYTES = 4096;
/** Bytes between pages that are read for nothing rather than apart. */
const MOST_GAP_BYTES = 4 * PAGE_BYTES;
const FEWEST_PAGES = 256;

/** @param pages places of pages in the file, each once. */
export function pageRuns(pages: readonly number[]): PageRuns {
  const order = Uint32Array.from(pages, (_, i) => i);
  if (pages.length < FEWEST_PAGES) {
    return { offsets: pages, lengths: pages.map(() => 1), starts: [...order, pages.length], order };
  }
  const at = (i: number): number => pages[order[i] as number] as number; // i < length
  order.sort((a, b) => (pages[a] as number) - (pages[b] as number)); // indexes of pages
  const offsets: number[] = [];
  const lengths: number[] = [];
  const starts: number[] = [];
  for (let i = 0; i < order.length; ) {
    const first = at(i);
    starts.push(i);
    let last = first;
    for (i++; i < order.length; i++) {
      const next = at(i);
      if (next - last - PAGE_BYTES > MOST_GAP_BYTES || next + PAGE_BYTES - first > MAX_RUN_BYTES) break;
      last = next;
    }
    offsets.push(first);
    lengths.push(last - first + 1); // a byte of the last page brings it
  }
  starts.push(order.length);
  return { offsets, lengths, starts, order };
}
