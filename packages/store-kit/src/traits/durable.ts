// What was committed outlives the store; what was not does not.

import { begin, type CapabilityNeed, type CaseDefinition, read } from "../conformance-case.js";
import { expectBytes, expectThat } from "../expectations.js";

/** Nothing can be refused here: a store that is not durable and writable promises nothing about being opened again. */
const NEEDS_DURABLE_WRITES: CapabilityNeed = {
  missing: ({ durable, writable }) => (durable && writable ? undefined : "commits do not outlive the store"),
};

export const durableCases: readonly CaseDefinition[] = [
  {
    trait: "durable",
    name: "committed rows are there when opened again; staged and aborted ones are not",
    needs: NEEDS_DURABLE_WRITES,
    run: async ({ store, table, pick }, target) => {
      expectThat(target.reopen !== undefined, "a durable writable store needs target.reopen");
      const row = new Uint8Array(table.rowBytes);
      const committed = begin(store);
      await committed.put(Uint32Array.of(1), row.slice().fill(0x11));
      await committed.commit();
      const aborted = begin(store);
      await aborted.put(Uint32Array.of(2), row.slice().fill(0x12));
      await aborted.abort();
      await begin(store).put(Uint32Array.of(3), row.slice().fill(0x13));
      await store.close();
      const again = await target.reopen(table);
      try {
        const expected = row.slice().fill(0x11);
        expectBytes(await read(again, Uint32Array.of(1)), expected, table.rowBytes, "the committed row");
        const others = Uint32Array.of(2, 3, 0);
        expectBytes(await read(again, others), pick(others), table.rowBytes, "the other rows");
      } finally {
        await again.close();
      }
    },
  },
];
