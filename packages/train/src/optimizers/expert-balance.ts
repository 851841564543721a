// Loss-free balancing (arXiv 2408.15664; DeepSeek-V3, section 2.1.2): after a step the bias of every expert that had
// less than the mean load goes up by a fixed amount, of every other one down. The biases only move the choice of experts.

import { EngramError, type Model } from "@engram-ts/core";

/** Biases of all routers. */
export interface ExpertBalance {
  /**
   * Moves the biases and records their writing.
   * @param loads `[E]` of each block with experts, by its number: tokens that chose each expert in the step.
   */
  update(loads: ReadonlyMap<number, Float32Array>): void;
  /** Reads the biases from the backend: to begin with, and after they were written by others. */
  load(): Promise<void>;
}

/** Balances a model's experts. */
export function expertBalance<T>(
  { spec, backend, parameters }: Pick<Model<T>, "spec" | "backend" | "parameters">,
  rate: number,
): ExpertBalance {
  const routers = new Map<number, { tensor: T; bias: Float32Array }>();
  spec.blocks.forEach((_, layer) => {
    const tensor = parameters.get(`blocks.${layer}.feedForward.router.bias`);
    if (tensor !== undefined) routers.set(layer, { tensor, bias: new Float32Array(0) });
  });
  return {
    update(loads) {
      for (const [layer, { tensor, bias }] of routers) {
        const load = loads.get(layer);
        if (load?.length !== bias.length) {
          throw new EngramError({
            code: "invalid-argument",
            operation: "expertBalance",
            message: `block ${layer} reported ${load?.length ?? "no"} loads for ${bias.length} experts; its operation reports load [E]`,
            context: { layer },
          });
        }
        moveBiases(bias, load, rate);
        backend.updates.write(tensor, bias);
      }
    },
    async load() {
      await Promise.all(
        [...routers.values()].map(async (router) => {
          router.bias = await backend.download(router.tensor);
        }),
      );
    },
  };
}

/** bias_e += rate * sign(mean load - load_e). */
export function moveBiases(bias: Float32Array, load: Float32Array, rate: number): void {
  const mean = load.reduce((sum, one) => sum + one, 0) / load.length;
  for (let e = 0; e < bias.length; e++) bias[e] = (bias[e] ?? 0) + rate * Math.sign(mean - (load[e] ?? 0));
}

/** The greatest load over the mean: 1 where all experts have as much to do. */
export function loadImbalance(load: Float32Array): number {
  const mean = load.reduce((sum, one) => sum + one, 0) / load.length;
  return mean === 0 ? 1 : load.reduce((most, one) => Math.max(most, one), 0) / mean;
}
