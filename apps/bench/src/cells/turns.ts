// In which order contestants take their turns: forwards and backwards alternately, each pair of turns begun with the next one.
// So everybody stands at every place equally often, and behind everybody else: what the one before has left in caches, or a
// machine that becomes slower meanwhile, is nobody's advantage.

/** The order of one turn, from 0 on. */
export function turnOrder<One>(all: readonly One[], turn: number): One[] {
  const first = all.length === 0 ? 0 : Math.floor(turn / 2) % all.length;
  const rotated = [...all.slice(first), ...all.slice(0, first)];
  return turn % 2 === 0 ? rotated : rotated.reverse();
}
