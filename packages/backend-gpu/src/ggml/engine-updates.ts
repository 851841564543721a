// Updates of parameters in place, as nodes: a training step and its updates are one graph. Numbers that change from step to
// step, such as the learning rate, are leaves. Formulae: core's reference/updates.

import type { BackendUpdates } from "@engram-ts/core";
import { EngramError } from "@engram-ts/core";
import { checkIds, sideBySide } from "../operation-checks/checked-options.js";
import { add, clamp, divide, fill, multiply, scale, square, squareRoot } from "./nodes/elementwise.js";
import type { GgmlNode } from "./nodes/node.js";
import { sum } from "./nodes/products.js";
import { copyInto, hostLeaf, reshape } from "./nodes/shape.js";
import { adamWStep } from "./nodes/steps.js";
import type { EngineContext } from "./operations/operation.js";
import { scatterRows } from "./operations/scatter-rows.js";
import type { GgmlTensor, TensorFacts } from "./tensor.js";
import { flatGradients } from "./updates/flat-gradients.js";
import { orthogonalEach } from "./updates/newton-schulz.js";

/** What updates need of the backend that they belong to. */
export interface UpdateHost {
  readonly engine: EngineContext;
  facts(operation: string, name: string, tensor: GgmlTensor): TensorFacts;
  born(node: GgmlNode, shape: readonly number[]): GgmlTensor;
  /** The node of a handle in memory that may be written to: it is moved there where it lies elsewhere. */
  writable(facts: TensorFacts): GgmlNode;
  /** The same, where a result of the graph that is being recorded will do: its values are written in turn, and go with it. */
  writableHere(facts: TensorFacts): GgmlNode;
  write(facts: TensorFacts, values: Float32Array): void;
  /** Memory of zeros for so many values, that stays. */
  zeros(values: number): GgmlNode;
  checkOpen(operation: string): void;
}

/** The updates of a backend. */
export function engineUpdates(host: UpdateHost): BackendUpdates<GgmlTensor> {
  const { engine } = host;
  const open = (operation: string, tensors: Readonly<Record<string, GgmlTensor | undefined>>, like?: GgmlTensor) => {
    host.checkOpen(operation);
    for (const [name, tensor] of Object.entries(tensors)) {
      if (tensor === undefined) continue;
      const { type } = host.facts(operation, name, tensor).node;
      if (type !== "f32" && operation !== "write") throw narrow(operation, name, type);
      if (like !== undefined) checkSame(operation, name, tensor, like);
    }
  };
  const nodeOf = (tensor: GgmlTensor): GgmlNode => host.facts("updates", "tensor", tensor).node;
  const into = (tensor: GgmlTensor): GgmlNode => host.writable(host.facts("updates", "tensor", tensor));
  const numbersOf = sharedNumbers();
  const flat = flatGradients(host);
  const scaledBy = (gradient: GgmlTensor, factor: GgmlTensor): GgmlNode =>
    flat.scaled(nodeOf(gradient), nodeOf(factor)) ?? multiply(nodeOf(gradient), nodeOf(factor));

  return {
    write(tensor, values) {
      open("write", { tensor });
      const facts = host.facts("write", "tensor", tensor);
      if (values.length !== elements(tensor.shape)) {
        throw refused("write", `there are ${values.length} values for a tensor of shape [${tensor.shape.join(", ")}]`);
      }
      flat.forget();
      host.write(facts, values instanceof Float32Array ? values.slice() : Float32Array.from(values));
    },
    accumulate(target, addend) {
      open("accumulate", { into: target, addend }, target);
      flat.forget();
      const node = into(target);
      engine.effect(copyInto(add(node, nodeOf(addend)), node));
    },
    zeros(like) {
      open("zeros", { like });
      return host.born(fill(nodeOf(like), 0), like.shape);
    },
    scatterAdd(target, ids, rows) {
      open("scatterAdd", { into: target, rows });
      const [vocabulary = 0, d = 0] = target.shape;
      if (target.shape.length !== 2) {
        throw refused("scatterAdd", `into has shape [${target.shape.join(", ")}], expected a matrix [V, d]`);
      }
      checkSides("scatterAdd", "rows", rows, sideBySide(rows.shape[0] ?? 0, ids.length, d));
      checkIds("scatterAdd", ids, vocabulary);
      if (ids.length === 0 || d === 0) return;
      flat.forget();
      const node = host.writableHere(host.facts("scatterAdd", "into", target));
      engine.effect(scatterRows(node, ids, reshape(nodeOf(rows), d, ids.length)));
    },
    clip(gradients, most, by = 1) {
      open("clip", Object.fromEntries(gradients.map((one, i) => [`gradients[${i}]`, one])));
      if (!(most > 0)) throw refused("clip", `the greatest norm is ${String(most)}; use a number above 0`);
      if (!(by > 0)) throw refused("clip", `scale is ${String(by)}; use a number above 0`);
      const { total: few, rest } = flat.squares(gradients.map(nodeOf));
      const squares = [...(few === undefined ? [] : [few]), ...rest.map((one) => sum(square(one)))];
      const total =
        squares.length === 0 ? hostLeaf("f32", [1], Float32Array.of(0)) : squares.reduce((a, b) => add(a, b));
      const scaledBack = (node: GgmlNode): GgmlNode => (by === 1 ? node : scale(node, 1 / by));
      const norm = scaledBack(reshape(squareRoot(total), 1));
      const limit = hostLeaf("f32", [1], Float32Array.of(most));
      const factor = scaledBack(clamp(divide(limit, scale(norm, 1, LEAST_NORM)), 0, 1));
      flat.scaleBy(factor);
      return { norm: host.born(norm, [1]), factor: host.born(factor, [1]) };
    },
    adamW(parameter, gradient, { first, second }, options, factor) {
      open("adamW", { parameter, gradient, first, second }, parameter);
      if (factor !== undefined) open("adamW", { factor });
      const { learningRate, beta1, beta2, epsilon, weightDecay, step } = options;
      const numbers = numbersOf(learningRate, beta1, beta2, epsilon, weightDecay, ...corrections(beta1, beta2, step));
      const scaled = factor === undefined ? nodeOf(gradient) : scaledBy(gradient, factor);
      engine.effect(adamWStep(into(parameter), scaled, into(first), into(second), numbers));
    },
    muon(parameters, options, factor) {
      if (factor !== undefined) open("muon", { factor });
      for (const { parameter, gradient, momentum } of parameters) {
        open("muon", { parameter, gradient, momentum }, parameter);
        const { shape } = parameter;
        if (shape.length === 2 || shape.length === 3) continue;
        throw refused(
          "muon",
          `the parameter has shape [${shape.join(", ")}], expected a matrix or [experts, rows, columns]`,
        );
      }
      const { learningRate, momentum: mu, nesterov, weightDecay } = options;
      const [kept, fresh] = [numbersOf(mu), numbersOf(1 - mu)];
      const keep = numbersOf(1 - learningRate * weightDecay);
      const updates = parameters.map(({ gradient, momentum }) => {
        const held = into(momentum);
        const part = multiply(factor === undefined ? nodeOf(gradient) : scaledBy(gradient, factor), fresh);
        const next = add(multiply(held, kept), part);
        engine.effect(copyInto(next, held));
        return nesterov ? add(part, multiply(next, kept)) : next;
      });
      const turned = orthogonalEach(updates, options);
      parameters.forEach(({ parameter }, i) => {
        const [rows = 1, columns = 1] = parameter.shape.slice(-2);
        const ratio =
          options.adjust === "original" ? Math.max(1, rows / columns) ** 0.5 : 0.2 * Math.max(rows, columns) ** 0.5;
        const node = into(parameter);
        const direction = turned[i] ?? node; // one each
        const next = add(multiply(node, keep), multiply(direction, numbersOf(-learningRate * ratio)));
        engine.effect(copyInto(next, node));
      });
    },
  };
}

/** 1 / (1 - beta^step) of both. */
function corrections(beta1: number, beta2: number, step: number): readonly number[] {
  return [1 / (1 - beta1 ** step), 1 / (1 - beta2 ** step)];
}

/** Leaves of some numbers, the same for the same ones: most parameters of a step have equal options. */
function sharedNumbers(): (...numbers: readonly number[]) => GgmlNode {
  const leaves = new Map<string, GgmlNode>();
  return (...numbers) => {
    const key = numbers.join(" ");
    const known = leaves.get(key);
    if (known !== undefined) return known;
    if (leaves.size === MOST_LEAVES) leaves.clear();
    const leaf = hostLeaf("f32", [numbers.length], Float32Array.from(numbers));
    leaves.set(key, leaf);
    return leaf;
  };
}

/** Those of earlier steps do not come again. */
const MOST_LEAVES = 8;

/** Keeps the quotient finite for gradients that are all 0. */
const LEAST_NORM = 1e-30;

function checkSame(operation: string, name: string, tensor: GgmlTensor, like: GgmlTensor): void {
  checkSides(operation, name, tensor, like.shape);
}

function checkSides(operation: string, name: string, { shape }: GgmlTensor, expected: readonly number[]): void {
  if (shape.length === expected.length && shape.every((side, i) => side === expected[i])) return;
  throw refused(operation, `${name} has shape [${shape.join(", ")}], expected [${expected.join(", ")}]`);
}

/** Steps would be lost in the rounding of a narrower type. */
function narrow(operation: string, name: string, type: string): EngramError {
  const message = `${name} is kept in ${type}; open the engine with weights f32 to train`;
  return new EngramError({ code: "unsupported", operation, message });
}

function elements(shape: readonly number[]): number {
  return shape.reduce((product, side) => product * side, 1);
}

function refused(operation: string, message: string): EngramError {
  return new EngramError({ code: "invalid-argument", operation, message });
}
