// When reads are believed to come from the cache, and when from a disk.
import { expect, it } from "vitest";
import { readHeat } from "../src/read-heat.js";

it("is hot after some batches from the cache, and cold after one that was not", () => {
  const heat = readHeat(() => 0);
  for (let batch = 0; batch < 4; batch++) {
    expect(heat.hot).toBe(false);
    heat.warm();
  }
  expect(heat.hot).toBe(true);
  heat.cool();
  expect(heat.hot).toBe(false);
});

it("takes a slow read for a disk's where blocks were read meanwhile, once", () => {
  let blocks = 100;
  const heat = readHeat(() => blocks);
  heat.look();
  expect(heat.isDisk(true)).toBe(false);
  blocks += 8;
  expect(heat.isDisk(false)).toBe(false);
  expect(heat.isDisk(true)).toBe(true);
  expect(heat.isDisk(true)).toBe(false);
});

it("takes many slow reads in a row for a disk's, though the system counts no blocks", () => {
  const heat = readHeat(() => 0);
  for (let read = 0; read < 15; read++) expect(heat.isDisk(true)).toBe(false);
  expect(heat.isDisk(false)).toBe(false);
  for (let read = 0; read < 15; read++) expect(heat.isDisk(true)).toBe(false);
  expect(heat.isDisk(true)).toBe(true);
});
