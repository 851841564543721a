// Which nodes a run needs, and in what order. Without deferred nodes all run in one stage, one graph; a deferred node
// (nodes/node.ts) has its values looked at between two stages. Writes in place keep their order with all reads and writes
// of the same memory: nodes run in the order in which they were made, within a stage and from stage to stage.

import { type GgmlNode, misfit } from "../nodes/node.js";

/** What runs as one graph. */
export interface Stage {
  /** In order. Leaves, and nodes that ran before, are not among them. */
  readonly nodes: readonly GgmlNode[];
  /** Nodes of this stage whose values later stages, or the host between them, need. */
  readonly kept: ReadonlySet<GgmlNode>;
  /** Deferred nodes that are part of the next stage: what they look at is looked at after this one. */
  readonly deferred: readonly GgmlNode[];
}

/**
 * The stages that give `targets` their values.
 * @param adapt is shown each node before its sources are looked at, and may change it.
 */
export function planStages(targets: Iterable<GgmlNode>, adapt: (node: GgmlNode) => void): readonly Stage[] {
  const needed = collect(targets, adapt);
  // nothing to look at between two stages: the order in which nodes were made is that of reads and writes, too
  if (needed.every(({ deferral }) => deferral === undefined)) return [{ nodes: needed, kept: new Set(), deferred: [] }];
  const levels = new Map<GgmlNode, number>(); // the stage that gives a node its values
  const touched = new Map<GgmlNode, { read: number; written: number }>();
  let last = 0;
  for (const node of needed) {
    let level = 0;
    for (const source of node.sources) level = Math.max(level, readyAt(source, levels));
    for (const source of node.deferral?.looksAt ?? []) level = Math.max(level, readyAt(source, levels) + 1);
    node.sources.forEach((source, i) => {
      const before = touched.get(source.root);
      if (before === undefined) return;
      level = Math.max(level, before.written, node.writes.includes(i) ? before.read : 0);
    });
    node.sources.forEach((source, i) => {
      const { read, written } = touched.get(source.root) ?? { read: 0, written: 0 };
      const writes = node.writes.includes(i);
      touched.set(source.root, { read: Math.max(read, level), written: writes ? Math.max(written, level) : written });
    });
    levels.set(node, level);
    last = Math.max(last, level);
  }
  return Array.from({ length: last + 1 }, (_, level) => stageOf(level, needed, levels));
}

/** The stage in which a node's values are there for others. */
function readyAt(node: GgmlNode, levels: ReadonlyMap<GgmlNode, number>): number {
  return levels.get(node) ?? 0;
}

function stageOf(level: number, needed: readonly GgmlNode[], levels: ReadonlyMap<GgmlNode, number>): Stage {
  const deferred = needed.filter((node) => node.deferral !== undefined && levels.get(node) === level + 1);
  const nodes = needed.filter((node) => readyAt(node, levels) === level);
  const kept = new Set<GgmlNode>();
  const keep = (used: GgmlNode): void => {
    const source = shownBy(used);
    if (levels.has(source) && readyAt(source, levels) === level) kept.add(source);
    if (levels.has(source.root) && readyAt(source.root, levels) === level) kept.add(source.root);
  };
  for (const node of needed) {
    if (readyAt(node, levels) <= level) continue;
    for (const source of node.sources) keep(source);
  }
  return { nodes, kept, deferred };
}

/** What a view shows: a later stage shows it again by itself. A write in place is no mere view, and runs once. */
function shownBy(node: GgmlNode): GgmlNode {
  const [source] = node.sources;
  return node.root === node || node.writes.length > 0 || source === undefined ? node : shownBy(source);
}

/** Everything that has to be computed for these, in the order in which it was made. */
function collect(targets: Iterable<GgmlNode>, adapt: (node: GgmlNode) => void): readonly GgmlNode[] {
  const found = new Set<GgmlNode>();
  const open: GgmlNode[] = [...targets];
  for (let node = open.pop(); node !== undefined; node = open.pop()) {
    if (node.failure !== undefined) throw node.failure;
    if (found.has(node) || node.place !== undefined || node.empty) continue;
    adapt(node);
    placeBefore(node);
    if (node.operation === "leaf") continue;
    if (node.sources.length === 0) throw misfit(node.operation, "a result that is lost", node);
    found.add(node);
    open.push(...node.sources);
  }
  return [...found].sort((a, b) => a.number - b.number);
}

/** Less than the distance of two nodes that were recorded, over the most that stand between them. */
const BETWEEN = 1 / 64;

/** Gives nodes that were put between a node and its sources their place in the order. */
function placeBefore(node: GgmlNode): void {
  for (const source of node.sources) {
    if (source.number < node.number) continue;
    source.number = node.number - BETWEEN;
    placeBefore(source);
  }
}
