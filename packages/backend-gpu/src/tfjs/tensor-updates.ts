// Changes of parameters in place. A tensor of tfjs never changes, so a parameter's handle gets another; what was called
// before keeps the old one. Formulae: AdamW as torch.optim.AdamW, Muon as torch.optim.Muon in full precision.

import type { AdamWOptions, BackendUpdates, MuonOptions, MuonParameter } from "@engram-ts/core";
import { invalidShape, refused } from "../operation-checks/checked-inputs.js";
import { checkIds, sideBySide } from "../operation-checks/checked-options.js";
import { product } from "./matrix-product.js";
import { scatterRows } from "./scatter-rows.js";
import type { TensorBook } from "./tensor-book.js";
import { checkValues } from "./tensor-book.js";
import { elements, rowsOf } from "./tensor-shape.js";
import type { TfjsArray } from "./tfjs-library.js";
import type { TfjsRuntime } from "./tfjs-runtime.js";
import type { TfjsTensor } from "./tfjs-tensor.js";

/** The updates of a backend. */
export function tensorUpdates(runtime: TfjsRuntime, book: TensorBook): BackendUpdates<TfjsTensor> {
  const { tf } = runtime;
  const like = (operation: string, name: string, tensor: TfjsTensor, shape: readonly number[]): TfjsArray => {
    const array = book.array(operation, name, tensor);
    if (array.shape.length === shape.length && shape.every((side, i) => array.shape[i] === side)) return array;
    throw invalidShape(operation, name, array.shape, `[${shape.join(", ")}]`);
  };
  const scaled = (operation: string, gradient: TfjsArray, factor: TfjsTensor | undefined): TfjsArray =>
    factor === undefined ? gradient : tf.mul(gradient, like(operation, "factor", factor, [1]));

  return {
    write(tensor, values) {
      book.run("write", () => {
        const { shape } = book.array("write", "tensor", tensor);
        checkValues("write", values.length, shape);
        book.replace(tensor, tf.tensor(Float32Array.from(values), shape, "float32"));
      });
    },
    accumulate(into, addend) {
      book.run("accumulate", () => {
        const sum = book.array("accumulate", "into", into);
        book.replace(into, tf.add(sum, like("accumulate", "addend", addend, sum.shape)));
      });
    },
    zeros(like) {
      return book.run("zeros", () => book.born(tf.zeros(book.array("zeros", "like", like).shape)));
    },
    scatterAdd(into, ids, rows) {
      book.run("scatterAdd", () => {
        const sum = book.array("scatterAdd", "into", into);
        const [vocabulary = 0, d = 0] = sum.shape;
        if (sum.shape.length !== 2) throw invalidShape("scatterAdd", "into", sum.shape, "a matrix [V, d]");
        const addends = like("scatterAdd", "rows", rows, sideBySide(rows.shape[0] ?? 0, ids.length, d));
        checkIds("scatterAdd", ids, vocabulary);
        if (ids.length === 0 || d === 0) return;
        book.replace(into, scatterRows(runtime, sum, ids, tf.reshape(addends, [ids.length, d])));
      });
    },
    clip(gradients, most, scale = 1) {
      return book.run("clip", () => {
        if (!(most > 0)) throw refused("clip", `most is ${String(most)}; use a norm above 0`);
        if (!(scale > 0)) throw refused("clip", `scale is ${String(scale)}; use a number above 0`);
        const arrays = gradients.map((gradient, i) => book.array("clip", `gradients[${i}]`, gradient));
        const squares = arrays.map((array) => tf.reshape(tf.sum(tf.square(array)), [1]));
        const scaled = tf.sqrt(squares.reduce((sum, square) => tf.add(sum, square), tf.zeros([1])));
        const norm = tf.div(scaled, scale);
        // never 0 / 0: a norm below every number that is none leaves the factor at 1
        const factor = tf.div(tf.minimum(tf.div(most, tf.maximum(norm, LEAST_NORM)), 1), scale);
        return { norm: book.born(norm), factor: book.born(factor) };
      });
    },
    adamW(parameter, gradient, { first, second }, options, factor) {
      book.run("adamW", () => {
        const p = book.array("adamW", "parameter", parameter);
        const g = scaled("adamW", like("adamW", "gradient", gradient, p.shape), factor);
        const moments = [like("adamW", "first", first, p.shape), like("adamW", "second", second, p.shape)] as const;
        if (!(options.step >= 1)) throw refused("adamW", `step is ${String(options.step)}; steps count from 1`);
        const stepped = adamW(runtime, p, g, moments, options);
        book.replace(first, stepped.first);
        book.replace(second, stepped.second);
        book.replace(parameter, stepped.parameter);
      });
    },
    muon(parameters, options, factor) {
      for (const one of parameters) muonOne(one, options, factor);
    },
  };

  function muonOne(
    { parameter, gradient, momentum }: MuonParameter<TfjsTensor>,
    options: MuonOptions,
    factor: TfjsTensor | undefined,
  ): void {
    book.run("muon", () => {
      const p = book.array("muon", "parameter", parameter);
      const g = scaled("muon", like("muon", "gradient", gradient, p.shape), factor);
      const before = like("muon", "momentum", momentum, p.shape);
      if ((p.shape.length !== 2 && p.shape.length !== 3) || elements(p.shape) === 0) {
        const found = `parameter has shape [${p.shape.join(", ")}]`;
        throw refused(
          "muon",
          `${found}; Muon takes [rows, columns] or [experts, rows, columns], none of them 0: use AdamW for others`,
        );
      }
      const stepped = muon(runtime, p, g, before, options);
      book.replace(momentum, stepped.momentum);
      book.replace(parameter, stepped.parameter);
    });
  }
}

const LEAST_NORM = 1e-37;

/** p <- (1 - lr decay) p - lr / (1 - b1^t) m / (sqrt(v) / sqrt(1 - b2^t) + epsilon). */
function adamW(
  { tf }: TfjsRuntime,
  parameter: TfjsArray,
  gradient: TfjsArray,
  [m, v]: readonly [TfjsArray, TfjsArray],
  { learningRate, beta1, beta2, epsilon, weightDecay, step }: AdamWOptions,
) {
  const first = tf.add(tf.mul(m, beta1), tf.mul(gradient, 1 - beta1));
  const second = tf.add(tf.mul(v, beta2), tf.mul(tf.square(gradient), 1 - beta2));
  const root = tf.add(tf.mul(tf.sqrt(second), 1 / Math.sqrt(1 - beta2 ** step)), epsilon);
  const change = tf.div(tf.mul(first, learningRate / (1 - beta1 ** step)), root);
  return { first, second, parameter: tf.sub(tf.mul(parameter, 1 - learningRate * weightDecay), change) };
}

/** B <- mu B + (1 - mu) G;  U = (1 - mu) G + mu B, or B;  p <- (1 - lr decay) p - lr adjust orthogonal(U). */
function muon(
  runtime: TfjsRuntime,
  parameter: TfjsArray,
  gradient: TfjsArray,
  before: TfjsArray,
  options: MuonOptions,
) {
  const { tf } = runtime;
  const { momentum: mu, nesterov, learningRate, weightDecay, adjust } = options;
  const fresh = tf.mul(gradient, 1 - mu);
  const momentum = tf.add(tf.mul(before, mu), fresh);
  const update = nesterov ? tf.add(fresh, tf.mul(momentum, mu)) : momentum;
  const [rows = 0, columns = 0] = parameter.shape.slice(-2);
  const ratio =
    adjust === "original" ? Math.sqrt(Math.max(1, rows / columns)) : 0.2 * Math.sqrt(Math.max(rows, columns));
  const matrices = tf.reshape(update, [elements(parameter.shape) / (rows * columns), rows, columns]);
  const direction = tf.reshape(newtonSchulz(runtime, matrices, options), parameter.shape);
  const kept = tf.mul(parameter, 1 - learningRate * weightDecay);
  return { momentum, parameter: tf.sub(kept, tf.mul(direction, learningRate * ratio)) };
}

/** Matrices [B, rows, columns] near U V^T, each of its own decomposition U S V^T: X <- a X + (b A + c A A) X, A = X X^T. */
function newtonSchulz(
  runtime: TfjsRuntime,
  matrices: TfjsArray,
  { iterations, epsilon, coefficients: [a, b, c] }: MuonOptions,
): TfjsArray {
  const { tf } = runtime;
  const [, rows = 0, columns = 0] = matrices.shape;
  const turned = (x: TfjsArray) => (rows > columns ? tf.transpose(x, [0, 2, 1]) : x);
  let x = turned(matrices); // [B, m, n], m <= n
  const squares = tf.sum(tf.reshape(tf.square(x), [rowsOf(x), rows * columns]), 1, true);
  x = tf.div(x, tf.reshape(tf.maximum(tf.sqrt(squares), epsilon), [rowsOf(x), 1, 1]));
  for (let i = 0; i < iterations; i++) {
    const gram = product(runtime, x, x, { b: true });
    const polynomial = tf.add(tf.mul(gram, b), tf.mul(product(runtime, gram, gram), c));
    x = tf.add(tf.mul(x, a), product(runtime, polynomial, x));
  }
  return turned(x);
}
