// Runs nodes on one device. Nothing is computed when a node is made; `flush` takes what handles and writes in place need,
// turns it into one graph (or finds the one that it built for the same shapes before), and runs it on another thread while
// the caller goes on. Not here: what operations are made of (operations/), handles (tensor.ts).

import { EngramError } from "@engram-ts/core";
import type { Pointer } from "../library/bindings.js";
import { TYPES } from "../library/types.js";
import { GgmlNode, type HostValues, misfit } from "../nodes/node.js";
import { copyInto } from "../nodes/shape.js";
import { alignViews } from "./align-views.js";
import { type DeviceMemory, deviceMemory } from "./device-memory.js";
import { leaveOutEmpty } from "./leave-out-empty.js";
import { failureOf, neededNodes } from "./needed-nodes.js";
import { type OwnMemory, ownMemory } from "./own-memory.js";
import type { Program, ProgramDevice } from "./program.js";
import { programCache } from "./program-cache.js";
import { type Sequence, sequenceOf } from "./sequence.js";
import { splitSums } from "./split-sums.js";
import { planStages, type Stage } from "./stages.js";
import { taskQueue } from "./task-queue.js";
import { useKernels } from "./use-kernels.js";

/** What a runtime is opened with. */
export interface RuntimeDevice extends Omit<ProgramDevice, "memory"> {
  /** Most bytes of tensors and of graphs. */
  readonly mostBytes: number;
}

/** Figures of what ran. */
export interface RuntimeFigures {
  /** Graphs built, and runs of graphs. */
  readonly built: number;
  readonly runs: number;
  /** Operations of the latest graph. */
  readonly operations: number;
  /** Bytes taken from the device for tensors, and for graphs. */
  readonly tensorBytes: number;
  readonly graphBytes: number;
}

/** See the head of this file. */
export class GgmlRuntime {
  readonly memory: DeviceMemory;
  private readonly device: ProgramDevice;
  private readonly adapt: (node: GgmlNode) => void;
  private readonly queue = taskQueue();
  private readonly programs;
  /** Roots that handles want and no run was asked for yet. */
  private readonly pending = new Set<GgmlNode>();
  private effects: GgmlNode[] = [];
  /** Targets of flushes that have not ended. */
  private readonly asked = new Set<readonly GgmlNode[]>();
  private readonly own: OwnMemory;
  /** To be freed after the next flush. */
  private dying: GgmlNode[] = [];
  private later: (() => void)[] = [];
  private runs = 0;
  private operations = 0;
  private failed = false;
  private closing: Promise<void> | undefined;

  constructor(device: RuntimeDevice) {
    const { library, bufferType, name } = device;
    this.memory = deviceMemory(library.bindings, bufferType, {
      device: name,
      most: device.mostBytes,
      keeps: device.keeps,
    });
    this.own = ownMemory(library, this.memory);
    this.device = { ...device, memory: this.memory };
    this.adapt = (node) => {
      leaveOutEmpty(node);
      if (device.aligned) splitSums(node);
      if (device.aligned) alignViews(node, this.memory.viewAlignment);
      if (device.kernels !== undefined) useKernels(node);
    };
    this.programs = programCache(this.device, (program) => this.evict(program));
  }

  /** What ran so far. */
  figures(): RuntimeFigures {
    const { built, bytes } = this.programs;
    const { runs, operations, memory } = this;
    return { built, runs, operations, tensorBytes: memory.taken, graphBytes: bytes };
  }

  /** A handle shows the node from now on: its values will be kept. */
  hold(node: GgmlNode): void {
    const { root } = node;
    root.handles++;
    if (root.place === undefined && root.operation !== "leaf" && root.failure === undefined && !root.scheduled) {
      this.pending.add(root);
    }
  }

  /** The opposite of {@link hold}. */
  release({ root }: GgmlNode): void {
    root.handles--;
    if (root.handles > 0) return;
    this.pending.delete(root);
    root.host = root.operation === "leaf" && root.place === undefined ? root.host : undefined;
    if (this.own.has(root)) this.dying.push(root);
    if (this.pending.size === 0 && this.effects.length === 0) this.bury();
  }

  /** A node that writes in place: it will run though no handle shows it. */
  effect(node: GgmlNode): void {
    this.effects.push(node);
  }

  /**
   * A leaf in memory of its own on the device.
   * @throws EngramError `out-of-memory`.
   */
  place(node: GgmlNode, values: HostValues | undefined, what: string): GgmlNode {
    this.own.settle(node, what);
    this.write(node, values);
    return node;
  }

  /** Gives a placed node new values, or zeros. */
  write(node: GgmlNode, values: HostValues | undefined): void {
    const { bindings } = this.device.library;
    if (node.empty) return;
    this.queue.add(() => {
      const tensor = node.root.place?.tensor;
      if (tensor === undefined) return; // freed meanwhile
      if (values === undefined) bindings.ggml_backend_tensor_memset(tensor, 0, 0, node.bytes);
      else bindings.ggml_backend_tensor_set(tensor, values, 0, node.bytes);
    });
  }

  /** Does the node have memory that is its own, so that it may be written to? */
  owns({ root }: GgmlNode): boolean {
    return this.own.has(root);
  }

  /** Is the node an operation's result that no run was asked for yet? */
  awaits({ root }: GgmlNode): boolean {
    return this.pending.has(root);
  }

  /** Has a node's values copied into placed memory of the same sides, in its turn. */
  copyNode(from: GgmlNode, to: GgmlNode): void {
    this.effect(copyInto(from, to));
  }

  /** Does something after all that is asked for by now. */
  afterFlush(task: () => void): void {
    if (this.pending.size > 0 || this.effects.length > 0) this.later.push(task);
    else this.queue.add(task);
  }

  /** Sets a part of placed memory to zeros, after all runs that were asked for before. */
  clear(part: GgmlNode): void {
    this.queue.add(() => {
      const tensor = part.root.place?.tensor;
      const offset = part.parameters.at(-1) ?? 0;
      if (tensor !== undefined) this.device.library.bindings.ggml_backend_tensor_memset(tensor, 0, offset, part.bytes);
    });
  }

  /** Copies one part of placed memory into another of the same type and sides, after all that was asked for before. */
  copySlot(from: GgmlNode, to: GgmlNode): void {
    this.flush();
    this.queue.add(() => {
      const { bindings } = this.device.library;
      const context: Pointer = bindings.ggml_init({
        mem_size: 4 * bindings.ggml_tensor_overhead(),
        mem_buffer: null,
        no_alloc: true,
      });
      const [source, target] = [from, to].map((node): Pointer => {
        const tensor: Pointer = bindings.ggml_new_tensor_4d(context, TYPES[node.type].id, ...node.sides);
        const { place } = node.root;
        const offset = BigInt(node.parameters.at(-1) ?? 0);
        if (place !== undefined) bindings.ggml_backend_tensor_alloc(place.buffer, tensor, place.address + offset);
        return tensor;
      });
      bindings.ggml_backend_tensor_copy(source, target);
      bindings.ggml_free(context);
    });
  }

  /** Starts a run of all that is wanted by now. */
  flush(): void {
    if (this.pending.size === 0 && this.effects.length === 0) {
      this.bury();
      return;
    }
    const targets = [...this.pending, ...this.effects];
    const { dying, later } = this;
    this.pending.clear();
    this.effects = [];
    this.dying = [];
    this.later = [];
    for (const target of targets) target.root.scheduled = true;
    this.asked.add(targets);
    this.queue.add(async () => {
      const open = this.failed ? targets.filter((target) => !this.failsWith(target, failureOf(target))) : targets;
      try {
        await this.run(open);
      } catch (error) {
        for (const target of open) this.failsWith(target, error);
      }
      this.asked.delete(targets);
      this.end(dying, later);
    });
  }

  /** The values of a node of float32 that a handle shows, packed. */
  read(node: GgmlNode): Promise<Float32Array> {
    this.flush();
    return new Promise((resolve, reject) => {
      this.queue.add(() => {
        try {
          resolve(this.valuesOf(node));
        } catch (error) {
          reject(error);
        }
      });
    });
  }

  /** Waits for all that was asked for, then frees everything. */
  close(): Promise<void> {
    this.closing ??= this.freeAll();
    return this.closing;
  }

  private async freeAll(): Promise<void> {
    this.pending.clear();
    this.effects = [];
    await this.queue.idle();
    this.programs.close();
    this.own.close();
    this.memory.close();
    this.device.library.bindings.ggml_backend_free(this.device.backend);
  }

  /** Notes that a target will never have values. False where there is no error. */
  private failsWith(target: GgmlNode, error: unknown): boolean {
    if (error === undefined) return false;
    this.failed = true;
    if (target.root.place === undefined) target.root.failure = error;
    target.failure = error;
    return true;
  }

  private valuesOf(node: GgmlNode): Float32Array {
    const { root } = node;
    if (root.failure !== undefined) throw root.failure;
    const values = new Float32Array(node.values);
    if (root.place === undefined) {
      const { host } = root;
      if (host === undefined && !node.empty) throw misfit("download", "the values are lost", node);
      if (host !== undefined)
        new Uint8Array(values.buffer).set(new Uint8Array(host.buffer, host.byteOffset, host.byteLength));
      return values;
    }
    if (!node.empty) this.device.library.bindings.ggml_backend_tensor_get(root.place.tensor, values, 0, node.bytes);
    return values;
  }

  /** Runs the stages of a flush. */
  private async run(targets: readonly GgmlNode[]): Promise<void> {
    const stages = planStages(targets, this.adapt);
    const roots = new Set(targets.map(({ root }) => root));
    const borrowed = stages.flatMap(({ kept }) => [...kept].map(({ root }) => root)); // later stages need them
    for (const root of borrowed) root.handles++;
    try {
      for (const stage of stages) {
        this.promote(stage);
        await this.runStage(stage, roots);
        for (const node of stage.deferred) node.expansion = this.expand(node);
      }
    } finally {
      for (const root of borrowed) root.handles--;
      for (const root of borrowed) if (root.handles === 0) this.dying.push(root); // what is asked for may read them
    }
  }

  private async runStage(stage: Stage, wanted: ReadonlySet<GgmlNode>): Promise<void> {
    const kept = new Set(stage.kept);
    for (const node of stage.nodes) if (wanted.has(node)) kept.add(node);
    const aliases = new Map<GgmlNode, GgmlNode>();
    for (const node of stage.nodes) if (node.expansion !== undefined) aliases.set(node.expansion, node);
    const write = (): Sequence => sequenceOf(stage.nodes, kept);
    let sequence = write();
    let program = this.programs.find(sequence);
    if (program === undefined) ({ program, sequence } = this.programs.build(write));
    if (sequence.items.every(({ kind }) => kind !== "operation")) return;
    this.evict(program);
    program.stage(sequence);
    await this.compute(program);
    this.runs++;
    this.operations = program.operations;
    for (const { node, kind } of sequence.items) if (kind === "host") node.staged++;
    for (const [node, place] of program.results(sequence)) {
      const shown = aliases.get(node) ?? node;
      node.place = place;
      shown.place = place;
      shown.expansion = undefined;
      shown.forget();
      program.residents.add(shown);
    }
  }

  private compute({ graph }: Program): Promise<void> {
    const { library, backend, name } = this.device;
    return new Promise((resolve, reject) => {
      library.bindings.computeAsync(backend, graph, (error, status) => {
        if (error === null && status === 0) return resolve();
        const code = status === -2 ? "out-of-memory" : "io";
        reject(
          new EngramError({
            code,
            operation: "ggml",
            message: `${name} ended a graph with status ${status}; what it was to compute is lost, all else stays usable`,
            cause: error,
          }),
        );
      });
    });
  }

  /** What the host says of a deferred node, having looked at values. */
  private expand({ deferral }: GgmlNode): GgmlNode | undefined {
    const { bindings } = this.device.library;
    if (deferral === undefined) return undefined;
    const seen = deferral.looksAt.map((node) => {
      const bytes = new Uint8Array(node.bytes);
      if (node.root.place !== undefined) bindings.ggml_backend_tensor_get(node.root.place.tensor, bytes, 0, node.bytes);
      return bytes;
    });
    const node = deferral.expand(seen);
    return node.root === node ? node : new GgmlNode(node.type, node.sides, { operation: "cont", sources: [node] });
  }

  /** Uploads that a handle shows and that are used again go to the device for good. */
  private promote({ nodes }: Stage): void {
    for (const node of nodes) {
      for (const source of node.sources) {
        const { root } = source;
        if (root.operation !== "leaf" || root.place !== undefined || root.handles === 0 || root.staged === 0) continue;
        const { host } = root;
        const { tensor } = this.own.settle(root, "an upload");
        if (host !== undefined && !root.empty) {
          this.device.library.bindings.ggml_backend_tensor_set(tensor, host, 0, root.bytes);
        }
        root.host = undefined;
      }
    }
  }

  /**
   * Moves results out of a program's memory: those that handles show, and those that no handle shows any more but that are
   * read by what was called before their last handle went.
   */
  private evict({ residents }: Program): void {
    let needed: ReadonlySet<GgmlNode> | undefined;
    for (const node of residents) {
      const { place, root, handles } = node;
      if (place !== undefined && root === node) {
        if (handles === 0) needed ??= neededNodes([...this.pending, ...this.effects, ...[...this.asked].flat()]);
        if (handles > 0 || needed?.has(node)) this.own.move(node, place);
        else node.place = undefined;
        if (handles === 0) this.dying.push(node);
      }
      residents.delete(node);
    }
  }

  private bury(): void {
    const { dying, later } = this;
    this.dying = [];
    this.later = [];
    if (dying.length + later.length > 0) this.queue.add(() => this.end(dying, later));
  }

  /** Frees what no handle shows any more, unless one does again. */
  private end(dying: readonly GgmlNode[], later: readonly (() => void)[]): void {
    for (const root of dying) if (root.handles === 0) this.own.free(root);
    for (const task of later) task();
  }
}
