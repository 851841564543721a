// Compiles the AssemblyScript kernels of packages to WebAssembly and writes each as a base64 string in a TypeScript file,
// so that the packages need no loader, no file access and no build step of their own. The results are committed.
//   node tools/build-kernels.mjs           compiles and writes
//   node tools/build-kernels.mjs --check   fails where a committed result differs from what the sources compile to
import { readdirSync, readFileSync, writeFileSync } from "node:fs";
import { basename } from "node:path";
import { fileURLToPath } from "node:url";
import { main } from "assemblyscript/asc";

const folders = ["core", "train"].map((name) =>
  fileURLToPath(new URL(`../packages/${name}/src/assembly/`, import.meta.url)),
);
// Every kernel imports its memory (`env.memory`), up to 4 GiB, and has no runtime: it never allocates.
const flags = ["-O3", "--noAssert", "--runtime", "stub", "--enable", "simd,threads", "--importMemory"];
flags.push("--initialMemory", "1", "--maximumMemory", "65536");

/** Compiles one kernel; ends the process where that fails. */
async function compile(folder, file, moreFlags) {
  let wasm;
  const { error, stderr } = await main([file, "--outFile", "out.wasm", ...flags, ...moreFlags], {
    readFile: (path) => {
      try {
        return readFileSync(`${folder}kernels/${path}`, "utf8");
      } catch {
        return null;
      }
    },
    writeFile: (path, data) => {
      if (path === "out.wasm") wasm = data;
    },
    listFiles: () => [],
  });
  if (!error && wasm) return wasm;
  console.error(`${file}: ${error?.message ?? "no output"}\n${stderr.toString()}`);
  process.exit(1);
}

/**
 * Where the two forms of a kernel differ, which must be in one byte: the limits of the imported memory, 1 (a maximum
 * is given) or 3 (shared as well). So one form is committed, and the other is made of it at run time.
 */
function sharedFlagAt(file, plain, shared) {
  const places = [...plain.keys()].filter((at) => plain[at] !== shared[at]);
  const [at = 0] = places;
  if (plain.length === shared.length && places.length === 1 && plain[at] === 1 && shared[at] === 3) return at;
  console.error(`${file}: its forms for plain and shared memory differ in more than the flag of the memory`);
  process.exit(1);
}

let differing = 0;
const kernels = folders.flatMap((folder) =>
  readdirSync(`${folder}kernels`)
    .filter((name) => name.endsWith(".ts"))
    .map((file) => ({ folder, file })),
);
for (const { folder, file } of kernels) {
  const name = basename(file, ".ts");
  const wasm = await compile(folder, file, []);
  const flagAt = sharedFlagAt(file, wasm, await compile(folder, file, ["--sharedMemory"]));
  const constant = `${name.toUpperCase().replaceAll("-", "_")}_WASM`;
  const text = `// Compiled from kernels/${file} by tools/build-kernels.mjs: ${wasm.length} bytes. Not edited by hand.
export const ${constant} = {
  sharedFlagAt: ${flagAt},
  base64:
    "${Buffer.from(wasm).toString("base64")}",
} as const;
`;
  const path = `${folder}${name}.wasm.ts`;
  let committed = "";
  try {
    committed = readFileSync(path, "utf8");
  } catch {}
  if (committed === text) continue;
  if (process.argv.includes("--check")) {
    console.error(`${name}.wasm.ts is not what kernels/${file} compiles to; run node tools/build-kernels.mjs`);
    differing++;
  } else {
    writeFileSync(path, text);
    console.log(`${name}.wasm.ts: ${wasm.length} bytes`);
  }
}
process.exit(differing > 0 ? 1 : 0);
