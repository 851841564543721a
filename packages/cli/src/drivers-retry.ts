// A driver whose readings are made again where that can help: for storage behind a network. Opening is retried here, reading
// by core's `withRetry`; writing retries by itself.

import { isEngramError, type OpenedTables, type RetryOptions, type TableDriver, withRetry } from "@engram-ts/core";

const OPENINGS = 4;
const FIRST_WAIT_MS = 50;

/** Retries opening and reading; what is written goes to the driver as it is. */
export function retryingDriver(driver: TableDriver, options: RetryOptions = { attempts: 5 }): TableDriver {
  return {
    ...driver,
    async open(uri, openOptions) {
      const opened = await retried(() => driver.open(uri, openOptions));
      const tables = new Map([...opened.tables].map(([layer, store]) => [layer, withRetry(store, options)]));
      const { tokenMap } = opened;
      const retrying: OpenedTables = {
        ...opened,
        tables,
        ...(tokenMap === undefined ? {} : { tokenMap: () => retried(() => tokenMap.call(opened)) }),
        async close() {
          await Promise.all([...tables.values()].map((store) => store.close()));
          await opened.close();
        },
      };
      return retrying;
    },
  };
}

async function retried<T>(attempt: () => Promise<T>): Promise<T> {
  for (let made = 1; ; made++) {
    try {
      return await attempt();
    } catch (cause) {
      if (made === OPENINGS || !isEngramError(cause) || cause.retry !== "later") throw cause;
      await new Promise((resolve) => setTimeout(resolve, Math.random() * FIRST_WAIT_MS * 2 ** made));
    }
  }
}
