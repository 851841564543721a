// Every package has the shape that the house style asks for, and dependencies point one way. A rule that is not
// checked here, or by another gate, is a wish.
// Not here: what publint and attw say about the built packages, and the lengths of files (file-size.test.ts).

import { existsSync, readFileSync } from "node:fs";
import { basename } from "node:path";
import { describe, expect, it } from "vitest";
import {
  applicationNames,
  codeOf,
  filesUnder,
  importsOf,
  manifestOf,
  packageNames,
  sourceFiles,
} from "./repository.js";

const SCOPE = "@engram-ts/";

/** What a package may depend on, of this repository's packages. Every store stands on core alone. */
const allowed: Readonly<Record<string, readonly string[]>> = {
  core: [],
  "store-lmdb": ["core"],
  "backend-gpu": ["core"],
  train: ["core", "store-file"],
  cli: ["core", "backend-gpu", "train", "store-dram", "store-file", "store-lmdb", "store-s3"],
};
const allowedFor = (name: string) => allowed[name] ?? (name.startsWith("store-") ? ["core"] : undefined);
/** Tests may also use the conformance suite. */
const allowedInTests: readonly string[] = ["store-kit"];

const requiredFiles = ["package.json", "tsconfig.json", "README.md", "LICENSE", "src/index.ts"];
const requiredScripts = ["build", "publint", "attw"];
const installScripts = ["preinstall", "install", "postinstall", "preprepare", "prepare", "postprepare", "prepublish"];
const vagueNames = /(^|[-/])(utils?|helpers?|common|misc)([-./]|$)/;

const dependencyFields = ["dependencies", "devDependencies", "peerDependencies", "optionalDependencies"] as const;
const versions = new Map(packageNames().map((name) => [`${SCOPE}${name}`, manifestOf(`packages/${name}`).version]));

it("what each package may depend on is decided", () => {
  expect(packageNames().filter((name) => allowedFor(name) === undefined)).toEqual([]);
});

it("the packages share one version, as changesets' fixed group keeps them", () => {
  expect(new Set(versions.values()).size).toBe(1);
});

it("every dependency has its line in the decision record on dependencies", () => {
  const record = readFileSync("docs/decisions/0004-dependencies.md", "utf8");
  const folders = [
    ".",
    ...packageNames().map((name) => `packages/${name}`),
    ...applicationNames().map((name) => `apps/${name}`),
  ];
  const missing = folders.flatMap((folder) => {
    const manifest = manifestOf(folder);
    return dependencyFields
      .flatMap((field) => Object.keys(manifest[field] ?? {}))
      .filter((dependency) => !dependency.startsWith(SCOPE) && !record.includes(`\`${dependency}\``))
      .map((dependency) => `${folder}/package.json: ${dependency}`);
  });
  expect(missing).toEqual([]);
});

it("every project references the projects that its sources import, so that a fresh clone builds in order", () => {
  const folders = [
    ...packageNames().map((name) => `packages/${name}`),
    ...applicationNames().map((name) => `apps/${name}`),
  ];
  const root = JSON.parse(readFileSync("tsconfig.json", "utf8")) as { references: { path: string }[] };
  expect(root.references.map(({ path }) => path).sort()).toEqual([...folders].sort());
  for (const folder of folders) {
    const own = Object.keys(manifestOf(folder).dependencies ?? {}).filter((dependency) => dependency.startsWith(SCOPE));
    const config = JSON.parse(readFileSync(`${folder}/tsconfig.json`, "utf8")) as { references?: { path: string }[] };
    const referenced = (config.references ?? []).map(({ path }) => `${SCOPE}${basename(path)}`);
    expect(referenced.sort(), folder).toEqual(own.sort());
  }
});

describe.each(packageNames())("packages/%s", (name) => {
  const folder = `packages/${name}`;
  const manifest = manifestOf(folder);
  const sources = sourceFiles(folder);

  it("has the required files", () => {
    expect(requiredFiles.filter((path) => !existsSync(`${folder}/${path}`))).toEqual([]);
    expect(readFileSync(`${folder}/LICENSE`, "utf8"), "LICENSE is the root's").toBe(readFileSync("LICENSE", "utf8"));
  });

  it("has the agreed manifest", () => {
    expect(manifest.name).toBe(`${SCOPE}${name}`);
    expect(manifest.description).toMatch(/^\S.{20,}\.$/);
    expect(manifest).toMatchObject({
      license: "Apache-2.0",
      type: "module",
      sideEffects: false,
      engines: { node: ">=20.19" },
      repository: { type: "git", directory: folder },
    });
    expect(manifest.private).toBeUndefined();
    const published = manifest.bin === undefined ? [] : ["bin"];
    const native = existsSync(`${folder}/native`) ? ["native"] : [];
    expect(manifest.files).toEqual([...published, "dist", ...native, "src", "!**/*.tsbuildinfo"]);
  });

  it("has the required scripts and none that runs at installation", () => {
    const scripts = Object.keys(manifest.scripts ?? {});
    expect(requiredScripts.filter((script) => !scripts.includes(script))).toEqual([]);
    expect(scripts.filter((script) => installScripts.includes(script))).toEqual([]);
  });

  it("exports dist entries with types first, then default, and their sources exist", () => {
    const entries = Object.entries(manifest.exports ?? {});
    expect(entries.map(([path]) => path)).toContain(".");
    for (const [path, target] of entries) {
      if (path === "./package.json") {
        expect(target).toBe("./package.json");
        continue;
      }
      expect(Object.keys(target), `conditions of ${path}`).toEqual(["types", "default"]);
      const { types = "", default: code = "" } = target as Readonly<Record<string, string>>;
      expect(code).toMatch(/^\.\/dist\/.+\.js$/);
      expect(types).toBe(code.replace(/\.js$/, ".d.ts"));
      expect(existsSync(`${folder}/${code.replace("./dist/", "src/").replace(/\.js$/, ".ts")}`), code).toBe(true);
    }
  });

  it("names the workspace's own versions, never `workspace:`", () => {
    for (const field of dependencyFields) {
      for (const [dependency, range] of Object.entries(manifest[field] ?? {})) {
        expect(range, `${field}.${dependency}`).not.toMatch(/^(workspace|file|link|git|https?):/);
        if (dependency.startsWith(SCOPE)) expect(range, `${field}.${dependency}`).toBe(versions.get(dependency));
      }
    }
  });

  it("depends only on packages before it", () => {
    const own = (field: (typeof dependencyFields)[number]) =>
      Object.keys(manifest[field] ?? {})
        .filter((dependency) => dependency.startsWith(SCOPE))
        .map((dependency) => dependency.slice(SCOPE.length));
    const permitted = allowedFor(name) ?? [];
    for (const field of ["dependencies", "peerDependencies", "optionalDependencies"] as const) {
      expect(
        own(field).filter((dependency) => !permitted.includes(dependency)),
        field,
      ).toEqual([]);
    }
    const stores = name === "train" ? ["store-dram", "store-lmdb"] : []; // tables that it trains
    const inTests = [...permitted, ...allowedInTests, ...stores];
    expect(own("devDependencies").filter((dependency) => !inTests.includes(dependency))).toEqual([]);
  });

  it("imports only packages that its manifest names", () => {
    const named = Object.keys({
      ...manifest.dependencies,
      ...manifest.peerDependencies,
      ...manifest.optionalDependencies,
    });
    const foreign = sources.flatMap((path) =>
      importsOf(readFileSync(path, "utf8"))
        .filter((specifier) => !specifier.startsWith(".") && !specifier.startsWith("node:"))
        .map((specifier) =>
          specifier
            .split("/")
            .slice(0, specifier.startsWith("@") ? 2 : 1)
            .join("/"),
        )
        .filter((dependency) => !named.includes(dependency) && dependency !== manifest.name)
        .map((dependency) => `${path}: ${dependency}`),
    );
    expect(foreign).toEqual([]);
  });

  it("imports its own files by relative paths that end in .js and stay inside src", () => {
    const wrong = sources
      .filter((path) => !path.includes("/assembly/kernels/"))
      .flatMap((path) =>
        importsOf(readFileSync(path, "utf8"))
          .filter((specifier) => specifier.startsWith("."))
          .filter((specifier) => {
            const target = new URL(specifier, `file:///${path}`).pathname.slice(1);
            return !specifier.endsWith(".js") || !target.startsWith(`${folder}/src/`);
          })
          .map((specifier) => `${path}: ${specifier}`),
      );
    expect(wrong).toEqual([]);
  });

  it("opens every source file with a comment that says what it is", () => {
    expect(sources.filter((path) => !/^(\/\/ \S|\/\*\* \S)/.test(readFileSync(path, "utf8")))).toEqual([]);
  });

  it("has no files with vague names", () => {
    expect(filesUnder(folder).filter((path) => vagueNames.test(path.slice(folder.length)))).toEqual([]);
  });

  it("has no test that is skipped, alone, or still to be written", () => {
    const tests = filesUnder(folder).filter((path) => path.endsWith(".test.ts"));
    const pattern = /\b(?:it|test|describe|suite)(?:\.\w+)*\.(?:skip|only|todo|fails)\b/;
    expect(tests.filter((path) => pattern.test(codeOf(readFileSync(path, "utf8"))))).toEqual([]);
  });
});

describe("packages/core", () => {
  const sources = sourceFiles("packages/core");

  it("depends on nothing", () => {
    const manifest = manifestOf("packages/core");
    for (const field of ["dependencies", "peerDependencies", "optionalDependencies"] as const) {
      expect(Object.keys(manifest[field] ?? {}), field).toEqual([]);
    }
  });

  it("runs in a browser: no Node modules, no Node globals", () => {
    const pattern = /\b(process\s*[.[]|Buffer\b|require\s*\(|__dirname|__filename|setImmediate\b|global\s*\.)/;
    const wrong = sources.filter((path) => {
      const text = readFileSync(path, "utf8");
      return importsOf(text).some((specifier) => specifier.startsWith("node:")) || pattern.test(codeOf(text));
    });
    expect(wrong).toEqual([]);
  });
});

describe.each(applicationNames())("apps/%s", (name) => {
  const manifest = manifestOf(`apps/${name}`);

  it("is published like the packages, and no package depends on it", () => {
    expect(manifest).toMatchObject({
      name: `${SCOPE}${name}`,
      version: manifestOf("packages/core").version,
      license: "Apache-2.0",
      type: "module",
      sideEffects: false,
      engines: { node: ">=20.19" },
      repository: { type: "git", directory: `apps/${name}` },
    });
    expect(manifest.private).toBeUndefined();
    expect(requiredFiles.filter((path) => !existsSync(`apps/${name}/${path}`))).toEqual([]);
    expect(readFileSync(`apps/${name}/LICENSE`, "utf8")).toBe(readFileSync("LICENSE", "utf8"));
    const scripts = Object.keys(manifest.scripts ?? {});
    expect(requiredScripts.filter((script) => !scripts.includes(script))).toEqual([]);
    expect(scripts.filter((script) => installScripts.includes(script))).toEqual([]);
    for (const other of packageNames()) {
      for (const field of dependencyFields) {
        expect(Object.keys(manifestOf(`packages/${other}`)[field] ?? {})).not.toContain(manifest.name);
      }
    }
  });

  it("opens every source file with a comment that says what it is", () => {
    const sources = sourceFiles(`apps/${name}`);
    expect(sources.filter((path) => !/^(\/\/ \S|\/\*\* \S|#!)/.test(readFileSync(path, "utf8")))).toEqual([]);
  });
});

describe("the tests' own reading of sources", () => {
  it("finds imports of every form", () => {
    const text =
      'import { a } from "./a.js";\nimport "b";\nexport * from "c";\nexport type {\n  D,\n} from "@s/d/e";\nawait import("f");';
    expect(importsOf(text)).toEqual(["./a.js", "b", "c", "@s/d/e", "f"]);
  });

  it("leaves code alone when it takes comments and strings out", () => {
    expect(codeOf('a(); // process.x\nb("process.y"); /* Buffer */ c();')).toBe('a();  \nb("");   c();');
  });

  it("knows vague names from good ones", () => {
    const vague = ["/src/utils.ts", "/src/helpers/a.ts", "/src/row-helper.ts", "/src/common/b.ts"];
    const good = ["/src/commonly.ts", "/src/utility.ts", "/src/store-kit.ts"];
    expect([...vague, ...good].filter((path) => vagueNames.test(path))).toEqual(vague);
  });

  it("looks at every package's basename, so a rename cannot hide one", () => {
    for (const name of packageNames()) expect(manifestOf(`packages/${name}`).name).toBe(`${SCOPE}${basename(name)}`);
  });
});
