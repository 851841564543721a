// A priority queue: the first by `before` comes out first. Order among equals is not defined.
// Both users of it have keys that are all different, or do the same with equals.
// Not here: removal from the middle; users skip what is no longer true when it comes out.

/** A priority queue. */
export interface BinaryHeap<T> {
  push(item: T): void;
  pop(): T | undefined;
}

/** An empty queue. `before` says whether `a` comes out before `b`. */
export function binaryHeap<T>(before: (a: T, b: T) => boolean): BinaryHeap<T> {
  const items: T[] = [];
  return {
    push(item) {
      let hole = items.length;
      items.push(item);
      while (hole > 0) {
        const up = (hole - 1) >> 1;
        const parent = items[up] ?? item;
        if (!before(item, parent)) break;
        items[hole] = parent;
        hole = up;
      }
      items[hole] = item;
    },
    pop() {
      const top = items[0];
      const last = items.pop();
      if (last === undefined || items.length === 0) return top;
      let hole = 0;
      for (;;) {
        let down = 2 * hole + 1;
        let child = items[down];
        if (child === undefined) break;
        const right = items[down + 1];
        if (right !== undefined && before(right, child)) {
          down++;
          child = right;
        }
        if (!before(child, last)) break;
        items[hole] = child;
        hole = down;
      }
      items[hole] = last;
      return top;
    },
  };
}
