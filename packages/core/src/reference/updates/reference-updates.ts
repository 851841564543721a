// The updates of the reference backend: checks, then the formulae beside this file in float64, then one rounding to
// float32. The rounding is what makes a parameter and its moments the same after a checkpoint, which holds float32; all
// other engines keep float32 anyway. Gradients that are accumulated stay float64. Not here: who is alive.

import { EngramError } from "../../errors.js";
import type { BackendUpdates, MuonOptions, MuonParameter } from "../../model/backend-updates.js";
import { addInto, checkShape, elements, type ReferenceTensor, rowsOf, tensor, widthOf, zeros } from "../tensor.js";
import { adamW } from "./adam-w.js";
import { clipFactor, gradientNorm } from "./gradient-norm.js";
import { muon } from "./muon.js";
import { scatterAdd } from "./scatter-add.js";

/** Tensors by the names that messages call them. */
export type NamedInputs = Readonly<Record<string, ReferenceTensor | undefined>>;

/** How the backend takes part: what goes in is checked, and what comes out is kept account of. */
export interface UpdateGuard {
  /** @throws EngramError where the backend is closed, or a tensor is none of its own. */
  check(operation: string, inputs: NamedInputs): void;
  born(tensor: ReferenceTensor): ReferenceTensor;
}

/** The updates, guarded. */
export function referenceUpdates({ check, born }: UpdateGuard): BackendUpdates<ReferenceTensor> {
  return {
    write(into, values) {
      check("write", { tensor: into });
      if (values.length !== into.values.length) {
        const sides = into.shape.join(", ");
        throw refused(
          "write",
          `${values.length} values for a tensor of shape [${sides}], which takes ${into.values.length}`,
        );
      }
      into.values.set(values);
    },
    accumulate(into, addend) {
      check("accumulate", { into, addend });
      checkShape("accumulate", "addend", addend, into.shape);
      addInto(into.values, addend.values);
    },
    zeros(like) {
      check("zeros", { like });
      return born(zeros(...like.shape));
    },
    scatterAdd(into, ids, rows) {
      check("scatterAdd", { into, rows });
      const d = widthOf(into);
      checkShape("scatterAdd", "into", into, [rowsOf(into), d]);
      checkShape("scatterAdd", "rows", rows, sideBySide(rows.shape, ids.length, d));
      scatterAdd(into.values, ids, rows.values, d);
    },
    clip(gradients, most, scale = 1) {
      check("clip", Object.fromEntries(gradients.map((one, i) => [`gradients[${i}]`, one])));
      if (!(most > 0)) throw refused("clip", `most is ${String(most)}; use a norm above 0`);
      if (!(scale > 0)) throw refused("clip", `scale is ${String(scale)}; use a number above 0`);
      const norm = gradientNorm(gradients.map(({ values }) => values)) / scale;
      return {
        norm: born(tensor(Float64Array.of(norm), 1)),
        factor: born(tensor(Float64Array.of(clipFactor(norm, most) / scale), 1)),
      };
    },
    adamW(parameter, gradient, { first, second }, options, factor) {
      check("adamW", { parameter, gradient, first, second, factor });
      checkLike("adamW", parameter, { gradient, first, second });
      if (!(options.step >= 1)) throw refused("adamW", `step is ${String(options.step)}; steps count from 1`);
      const arrays = { parameter: parameter.values, gradient: gradient.values };
      adamW({ ...arrays, first: first.values, second: second.values }, options, factorOf("adamW", factor));
      for (const { values } of [parameter, first, second]) round(values);
    },
    muon(parameters, options, factor) {
      for (const one of parameters) muonStep(one, options, factor);
    },
  };

  function muonStep(
    { parameter, gradient, momentum }: MuonParameter<ReferenceTensor>,
    options: MuonOptions,
    factor: ReferenceTensor | undefined,
  ): void {
    check("muon", { parameter, gradient, momentum, factor });
    checkLike("muon", parameter, { gradient, momentum });
    const { shape } = parameter;
    const [rows = 0, columns = 0] = shape.slice(-2);
    if ((shape.length !== 2 && shape.length !== 3) || elements(shape) === 0) {
      const message = `parameter has shape [${shape.join(", ")}]; Muon takes [rows, columns] or [experts, rows, columns]`;
      throw refused("muon", `${message}, none of them 0: use AdamW for others`);
    }
    const arrays = { parameter: parameter.values, gradient: gradient.values, momentum: momentum.values };
    muon(arrays, [rows, columns], options, factorOf("muon", factor));
    for (const { values } of [parameter, momentum]) round(values);
  }
}

function checkLike(
  operation: string,
  { shape }: ReferenceTensor,
  others: Readonly<Record<string, ReferenceTensor>>,
): void {
  for (const [name, other] of Object.entries(others)) checkShape(operation, name, other, shape);
}

/** As the gradient of `embed` lies: n rows of d values, as many as divide n in a row of the matrix. */
function sideBySide([tokens = 0]: readonly number[], n: number, d: number): readonly number[] {
  const perToken = tokens > 0 && n % tokens === 0 ? n / tokens : 1;
  return [n / perToken, perToken * d];
}

function factorOf(operation: string, factor: ReferenceTensor | undefined): number {
  if (factor === undefined) return 1;
  checkShape(operation, "factor", factor, [1]);
  return factor.values[0] ?? 1;
}

function round(values: Float64Array): void {
  for (let i = 0; i < values.length; i++) values[i] = Math.fround(values[i] ?? 0);
}

function refused(operation: string, message: string): EngramError {
  return new EngramError({ code: "invalid-argument", operation, message });
}
