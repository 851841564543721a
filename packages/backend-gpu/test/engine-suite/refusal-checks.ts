// What an engine must refuse: shapes that do not fit, ids and targets out of range, batches that do not add up, tensors
// of elsewhere. Each by an EngramError that names the operation and what is wrong with it, and the engine works on.

import { uniformValues } from "../../../core/src/model/uniform-values.js";
import { OPERATION_CASES } from "../../../core/test/reference/operation-cases.js";
import { elements, type SuiteCase } from "./case-inputs.js";
import { type EngineCheck, expectRefusal } from "./engine-check.js";
import { cacheCases } from "./larger-cases.js";
import { compareOutputs, uploadInputs } from "./operation-checks.js";
import { operationOf, type Twins } from "./twins.js";

/** The first case of every operation but one that has one input alone. */
const firsts = OPERATION_CASES.filter((one, i) => OPERATION_CASES.findIndex(({ name }) => name === one.name) === i);

/** Calls with one input of another shape. */
function shapesCheck(one: SuiteCase): EngineCheck {
  return {
    group: "refusals",
    name: `${one.name}: every input of a shape that does not fit`,
    async run({ twins }) {
      const inputs = uploadInputs(twins, one);
      const names = Object.keys(inputs);
      const named = new RegExp(`^EngramError: ${one.name}: .*\\b(${names.join("|")}|logits|targets)\\b`);
      const engineInputs = Object.fromEntries(names.map((name) => [name, inputs[name]?.engine]));
      const forward = (name: string, shape: readonly number[]) => () => {
        const odd = twins.upload(uniformValues(elements(shape), 1, 3, 0), shape);
        return operationOf(twins.engine, one.name).forward({ ...engineInputs, [name]: odd.engine }, one.options);
      };
      for (const [name, shape] of Object.entries(one.inputs)) {
        if (names.length === 1) break; // nothing that it could disagree with
        for (const odd of otherShapes(one, name, shape))
          await expectRefusal(forward(name, odd), "invalid-argument", named);
      }
      await compareOutputs(twins, `${one.name} after refused calls`, twins.forward(one.name, inputs, one.options));
    },
  };
}

/** One more in the last side, one more in the first, or one side only: those of them that disagree with something. */
function otherShapes({ name: operation }: SuiteCase, name: string, shape: readonly number[]): number[][] {
  const last = [...shape.slice(0, -1), (shape.at(-1) ?? 0) + 1];
  const first = [(shape[0] ?? 0) + 1, ...shape.slice(1)];
  const flat = [elements(shape) + 1];
  const anyLast = FREE_LAST.has(`${operation} ${name}`);
  const anyFirst = shape.length < 2 || FREE_FIRST.has(`${operation} ${name}`);
  return [...(anyLast ? [] : [last]), ...(anyFirst ? [] : [first]), ...(shape.length > 1 ? [flat] : [])];
}

/** Sides that no other input says. */
const FREE_LAST: ReadonlySet<string> = new Set(["shortConvolution weight"]);
const FREE_FIRST: ReadonlySet<string> = new Set([
  ...["linear x", "linear weight", "rmsNorm x", "feedForward x", "moe x", "hyperCoefficients streams"],
  ...["logits x", "logits head"],
]);

/** Options that do not fit. */
async function refusedOptions(
  twins: Twins,
  one: SuiteCase,
  options: object,
  code: "invalid-argument" | "token-out-of-range",
) {
  const inputs = uploadInputs(twins, one);
  const engineInputs = Object.fromEntries(Object.entries(inputs).map(([name, twin]) => [name, twin.engine]));
  const call = () => operationOf(twins.engine, one.name).forward(engineInputs, { ...one.options, ...options });
  await expectRefusal(call, code, new RegExp(`^EngramError: ${one.name}: `));
  await compareOutputs(twins, `${one.name} after refused options`, twins.forward(one.name, inputs, one.options));
  twins.clear();
}

const batches: EngineCheck = {
  group: "refusals",
  name: "batches that do not add up, and starts without caches",
  async run({ twins }) {
    const { gqa, mla, convolution } = cacheCases();
    for (const one of [gqa, mla, convolution]) {
      for (const sequences of [
        { cumulativeLengths: Uint32Array.of(0, 2), starts: Uint32Array.of(0) },
        { cumulativeLengths: Uint32Array.of(0, 1), starts: Uint32Array.of(0, 0) },
        { cumulativeLengths: Uint32Array.of(0, 2, 1), starts: Uint32Array.of(0, 0) },
        { cumulativeLengths: Uint32Array.of(1, 1), starts: Uint32Array.of(0) },
        { cumulativeLengths: Uint32Array.of(0, 1), starts: Uint32Array.of(3) },
      ]) {
        await refusedOptions(twins, one, { sequences }, "invalid-argument");
      }
    }
  },
};

const ranges: EngineCheck = {
  group: "refusals",
  name: "targets and tokens out of range",
  async run({ twins }) {
    const crossEntropy = firsts.find(({ name }) => name === "crossEntropy");
    const logits = firsts.find(({ name }) => name === "logits");
    if (crossEntropy === undefined || logits === undefined) throw new Error("both have a case");
    await refusedOptions(twins, crossEntropy, { targets: Int32Array.of(0, 6, 0, 0, 0) }, "token-out-of-range");
    await refusedOptions(twins, crossEntropy, { targets: Int32Array.of(0, 0) }, "invalid-argument");
    await refusedOptions(twins, logits, { tokens: Uint32Array.of(0, 5) }, "invalid-argument");
  },
};

const throughCaches: EngineCheck = {
  group: "refusals",
  name: "gradients of a call that had caches",
  trains: true,
  async run({ twins }) {
    const { gqa, mla, convolution } = cacheCases();
    for (const [one, width] of [
      [gqa, 64],
      [mla, 20],
      [convolution, 40],
    ] as const) {
      const inputs = uploadInputs(twins, one);
      const caches = [twins.createCache({ width, capacity: 8 })];
      const call = twins.forward(one.name, inputs, { ...one.options, caches });
      const dy = twins.upload(
        new Float32Array(call.outputs.y?.exact.values.length ?? 0),
        call.outputs.y?.exact.shape ?? [],
      );
      const back = () =>
        operationOf(twins.engine, one.name).backward(call.engineCall, { y: dy.engine }, new Set(["x"]));
      await expectRefusal(back, "unsupported", new RegExp(one.name));
      await compareOutputs(twins, `${one.name} after a refused gradient`, call);
    }
  },
};

const strangers: EngineCheck = {
  group: "refusals",
  name: "tensors that are disposed of, or are none of this engine's",
  async run({ twins }) {
    const { engine } = twins;
    const x = twins.upload(Float32Array.of(1, 2), [1, 2]);
    const gone = engine.upload(Float32Array.of(3, 4), [1, 2]);
    engine.dispose([gone]);
    for (const stranger of [gone, {}, twins.reference.upload(Float32Array.of(1, 2), [1, 2])]) {
      const add = () => engine.operations.add.forward({ a: stranger, b: x.engine }, {});
      await expectRefusal(add, "invalid-argument", /add: .*\ba\b/);
      await expectRefusal(async () => engine.download(stranger), "invalid-argument");
      await expectRefusal(() => engine.copyCache(stranger), "invalid-argument");
    }
    await expectRefusal(() => engine.copyCache(x.engine), "invalid-argument");
    await twins.compare("a sum after that", twins.forward("add", { a: x, b: x }, {}).outputs.y ?? x, "forward");
  },
};

/** All refusals. */
export function refusalChecks(): EngineCheck[] {
  return [...firsts.map(shapesCheck), batches, ranges, throughCaches, strangers];
}
