// The guide on training: its program runs as it says.
import { execFile } from "node:child_process";
import { mkdirSync, readdirSync, writeFileSync } from "node:fs";
import { readFile } from "node:fs/promises";
import { join, resolve } from "node:path";
import { promisify } from "node:util";
import { expect, it } from "vitest";
import { temporaryFolder, texts } from "./data/text-tokens.js";

const root = resolve(import.meta.dirname, "../../..");
const folder = temporaryFolder();
const program = "examples/training/tokenize-folder.mjs";

it("its program makes shards of a folder", async () => {
  mkdirSync(join(folder, "notes"));
  texts(40, 200).forEach((text, index) => {
    writeFileSync(join(folder, "notes", `${index}.txt`), text);
  });
  const guide = await readFile(join(root, "docs/guide/training.md"), "utf8");
  const [command = ""] = /^node .*$/m.exec(guide) ?? [];
  const [node, file, ...words] = command.split(" ");
  expect([node, file]).toEqual(["node", program]);
  const { stdout } = await promisify(execFile)(process.execPath, [join(root, program), ...words], { cwd: folder });
  expect(stdout).toMatch(/^corpus {6}40 files, 40 documents, \d+ bytes, 0 duplicates$/m);
  expect(stdout).toMatch(/^a batch {5}256 tokens in \d+ sequences$/m);
  expect(readdirSync(join(folder, "tokens")).sort()).toEqual([
    "tokenizer.json",
    "tokens.json",
    "training-00000.bin",
    "validation-00000.bin",
  ]);
});
