// Nobody has a better place than another: over 2 n turns of n contestants each stands at each place twice, and directly behind
// each other one equally often.

import { expect, test } from "vitest";
import { turnOrder } from "../../src/cells/turns.js";

test.each([2, 3, 4, 5, 12])("%i contestants", (count) => {
  const all = Array.from({ length: count }, (_, i) => i);
  const places = new Map<string, number>();
  const behind = new Map<string, number>();
  const add = (map: Map<string, number>, key: string) => map.set(key, (map.get(key) ?? 0) + 1);
  for (let turn = 0; turn < 2 * count; turn++) {
    const order = turnOrder(all, turn);
    expect([...order].sort((a, b) => a - b)).toEqual(all);
    order.forEach((one, place) => {
      add(places, `${one} at ${place}`);
      if (place > 0) add(behind, `${one} behind ${order[place - 1]}`);
    });
  }
  expect([...new Set(places.values())]).toEqual([2]);
  expect(places.size).toBe(count * count);
  // neighbours in the list stand behind each other in either order as often
  for (const [key, times] of behind) {
    const [one, other] = key.split(" behind ");
    expect(behind.get(`${other} behind ${one}`), key).toBe(times);
  }
});

test("three take all six orders, one alone and nobody are ordered too", () => {
  const orders = Array.from({ length: 6 }, (_, turn) => turnOrder(["a", "b", "c"], turn).join(""));
  expect(new Set(orders).size).toBe(6);
  expect(turnOrder(["a"], 5)).toEqual(["a"]);
  expect(turnOrder([], 5)).toEqual([]);
});
