// Rows on their way to an engine: in every encoding that it decodes, as values, copied before the call returns; and
// embeddings, whose rows are looked up by id.

import { decodeRows, deterministicRows, ROW_ENCODING_KINDS, type RowEncoding, tableInfo } from "@engram-ts/core";
import { expect } from "vitest";
import { uniformValues } from "../../../core/src/model/uniform-values.js";
import { type EngineCheck, expectRefusal } from "./engine-check.js";

function encodingOf(kind: RowEncoding["kind"], width: number): RowEncoding {
  return kind === "fp8-e4m3" ? { kind, width, scale: 0.25 } : { kind, width };
}

function encodedCheck(kind: RowEncoding["kind"]): EngineCheck {
  return {
    group: "rows",
    name: `rows in ${kind}, decoded or refused`,
    async run({ twins }) {
      const { engine } = twins;
      for (const [tokens, rowsPerToken, width] of [
        [1, 1, 32],
        [2, 3, 32],
        [33, 16, 64],
        [5, 48, kind === "fp8-e4m3-e8m0" ? 256 : 20],
      ] as const) {
        const encoding = encodingOf(kind, width);
        const rows = tokens * rowsPerToken;
        const encoded = deterministicRows(tableInfo({ rows, encoding }), 3 + tokens);
        const values = new Float32Array(rows * width);
        decodeRows(encoding, encoded, values);
        const shape = [tokens, rowsPerToken * width] as const;
        if (!engine.decodes.has(kind)) {
          await expectRefusal(() => engine.uploadRows({ encoded, encoding }, shape), "unsupported");
          continue;
        }
        const twin = twins.uploadRows({ encoded, encoding }, shape);
        encoded.fill(0); // they were copied
        await twins.compare(`rows in ${kind} [${shape.join(", ")}]`, twin, "updates", 1e-3);
        await expectRefusal(
          () => engine.uploadRows({ encoded: encoded.subarray(1), encoding }, shape),
          "invalid-argument",
        );
        const wrong = [tokens + 1, rowsPerToken * width] as const;
        await expectRefusal(() => engine.uploadRows({ encoded, encoding }, wrong), "invalid-argument");
        // and what is computed with them
        const sum = twins.forward("add", { a: twin, b: twins.upload(values, shape) }, {});
        await twins.compare(`twice the rows in ${kind}`, sum.outputs.y ?? twin, "forward", 1e-3);
      }
    },
  };
}

const asValues: EngineCheck = {
  group: "rows",
  name: "rows as values, and uploads of both widths: copied, whole, under their shape",
  async run({ twins }) {
    const { engine } = twins;
    const values = uniformValues(6 * 21, 1, 1, 0);
    const rows = twins.uploadRows({ values }, [6, 21]);
    const singles = twins.upload(values, [2, 3, 21]);
    const doubles = Float64Array.from(values);
    const fromDoubles = engine.upload(doubles, [126]);
    values.fill(0);
    doubles.fill(0);
    await twins.compare("rows as values", rows, "forward");
    await twins.compare("an upload", singles, "forward");
    expect([...engine.shape(fromDoubles)]).toEqual([126]);
    expect(await engine.download(fromDoubles)).toEqual(uniformValues(126, 1, 1, 0));
    engine.dispose([fromDoubles]);
    const down = await engine.download(rows.engine);
    down.fill(0); // a copy of its own
    await twins.compare("rows after their download was changed", rows, "forward");
    await expectRefusal(() => engine.uploadRows({ values }, [6, 22]), "invalid-argument");
    await expectRefusal(() => engine.upload(values, [5, 21]), "invalid-argument");
  },
};

const embedded: EngineCheck = {
  group: "rows",
  name: "embeddings of ids that repeat, of the first and the last; ids out of range are refused",
  async run({ twins }) {
    const table = twins.upload(uniformValues(37 * 24, 1, 1, 0), [37, 24], "matrix");
    const ids = Uint32Array.of(36, 0, 0, 5, 36, 36, 1, 0);
    const { y } = twins.forward("embed", { table }, { ids: ids.slice() }).outputs;
    await twins.compare("embedded", y ?? table, "forward");
    const own = ids.slice();
    const queued = twins.forward("embed", { table }, { ids: own });
    own.fill(7); // they were read before the call returned
    expect(await twins.engine.download(queued.outputs.y?.engine)).toEqual(await twins.engine.download(y?.engine));
    const call = (bad: Uint32Array) => () =>
      twins.engine.operations.embed.forward({ table: table.engine }, { ids: bad });
    await expectRefusal(call(Uint32Array.of(0, 37)), "token-out-of-range", /embed.*37/);
    await expectRefusal(call(Uint32Array.of(2 ** 32 - 1)), "token-out-of-range", /embed/);
    const beside = twins.forward("embed", { table }, { ids, idsPerToken: 4 }).outputs.y ?? table;
    await twins.compare("four side by side", beside, "forward");
    await twins.compare("and added", twins.forward("add", { a: beside, b: beside }, {}).outputs.y ?? table, "forward");
    for (const idsPerToken of [3, 0, 1.5]) {
      await expectRefusal(
        () => twins.engine.operations.embed.forward({ table: table.engine }, { ids, idsPerToken }),
        "invalid-argument",
        /embed.*idsPerToken/,
      );
    }
  },
};

/** All of rows. */
export function rowChecks(): EngineCheck[] {
  return [...ROW_ENCODING_KINDS.map(encodedCheck), asValues, embedded];
}
