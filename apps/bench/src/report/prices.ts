// What a user pays, to turn measured throughput into money. The defaults are round figures for planning and no offer of
// anyone; every report says which were used. Not here: what a tier's rate is (plots/cost-bars.ts computes with both).

import { EngramError } from "@engram-ts/core";

/** Prices in any one currency. */
export interface Prices {
  readonly currency: string;
  /** One core for an hour. */
  readonly coreHour: number;
  /** One GiB kept for a month, by kind of storage. */
  readonly memoryGibMonth: number;
  readonly diskGibMonth: number;
  readonly objectGibMonth: number;
  /** A thousand reads from an object store. */
  readonly objectThousandReads: number;
}

/** Round figures for planning. */
export const DEFAULT_PRICES: Prices = {
  currency: "USD",
  coreHour: 0.04,
  memoryGibMonth: 3,
  diskGibMonth: 0.1,
  objectGibMonth: 0.023,
  objectThousandReads: 0.0004,
};

/**
 * Prices a user gave as `name=number,...` or as JSON, over the defaults.
 * @throws EngramError `invalid-argument` naming what is not understood.
 */
export function parsePrices(text: string): Prices {
  const given: unknown = text.trim().startsWith("{") ? parseJson(text) : fromPairs(text);
  const prices: Record<string, string | number> = { ...DEFAULT_PRICES };
  for (const [name, value] of Object.entries(given as Record<string, unknown>)) {
    const known = Object.hasOwn(DEFAULT_PRICES, name) ? prices[name] : undefined;
    if (known === undefined) {
      throw invalid(`there is no price ${JSON.stringify(name)}; there are ${Object.keys(DEFAULT_PRICES).join(", ")}`);
    }
    if (typeof known === "string") prices[name] = String(value).slice(0, 8);
    else if (Number.isFinite(Number(value)) && Number(value) >= 0) prices[name] = Number(value);
    else throw invalid(`the price ${name} is ${JSON.stringify(value)}; use a number from 0`);
  }
  return prices as unknown as Prices; // it has the defaults' fields, each of its type
}

function fromPairs(text: string): Record<string, string> {
  return Object.fromEntries(
    text.split(",").map((pair) => {
      const [name = "", value] = pair.split("=").map((part) => part.trim());
      if (value === undefined)
        throw invalid(`${JSON.stringify(pair)} is no price; write name=number, as coreHour=0.04`);
      return [name, value];
    }),
  );
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch (cause) {
    throw new EngramError({
      code: "invalid-argument",
      operation: "--prices",
      message: "the JSON cannot be read",
      cause,
    });
  }
}

function invalid(message: string): EngramError {
  return new EngramError({ code: "invalid-argument", operation: "--prices", message });
}
