// Software Vulkan for tests, SwiftShader out of the npm package @sparticuz/chromium, which carries its library, the ICD
// file that names it, and Vulkan's loader. Unpacked once into the folder of temporary files. Not shipped.

import { existsSync, mkdirSync, mkdtempSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { brotliDecompressSync } from "node:zlib";
import koffi from "koffi";

const require = createRequire(import.meta.url);

/** The folder of @sparticuz/chromium, and its version. */
function chromiumPackage(): { folder: string; version: string } {
  let folder = dirname(require.resolve("@sparticuz/chromium"));
  while (!existsSync(join(folder, "bin"))) folder = dirname(folder);
  const { version } = JSON.parse(readFileSync(join(folder, "package.json"), "utf8")) as { version: string };
  return { folder, version };
}

/** Unpacks one archive of the package, and gives the folder. Processes that do so at once get the same files. */
export function unpacked(archive: "swiftshader.tar.br" | "al2023.tar.br" | "chromium.br" | "fonts.tar.br"): string {
  const { folder, version } = chromiumPackage();
  const place = join(tmpdir(), `engram-ts-chromium-${version}`, archive.replace(/\..*/, ""));
  if (existsSync(place)) return place;
  mkdirSync(dirname(place), { recursive: true });
  const made = mkdtempSync(`${place}-`);
  const bytes = brotliDecompressSync(readFileSync(join(folder, "bin", archive)));
  if (archive.includes(".tar.")) untar(bytes, made);
  else writeFileSync(join(made, archive.replace(/\..*/, "")), bytes, { mode: 0o755 });
  try {
    renameSync(made, place);
  } catch {
    rmSync(made, { recursive: true, force: true }); // another process was first
  }
  return place;
}

/** Files of a tar archive of short names, which these are. */
function untar(bytes: Buffer, folder: string): void {
  const text = (from: number, length: number) => bytes.toString("latin1", from, from + length).replace(/\0.*$/s, "");
  for (let at = 0; at + 512 <= bytes.length && bytes[at] !== 0; ) {
    const [name, size, type] = [text(at, 100), Number.parseInt(text(at + 124, 12), 8) || 0, text(at + 156, 1)];
    const file = join(folder, name);
    if (type === "0" || type === "") {
      mkdirSync(dirname(file), { recursive: true });
      writeFileSync(file, bytes.subarray(at + 512, at + 512 + size), { mode: 0o755 });
    }
    at += 512 + 512 * Math.ceil(size / 512);
  }
}

/**
 * Makes SwiftShader the Vulkan of this process, before anything asks for a device. The loader is loaded here, by its
 * path: whoever asks for it by name then gets this one, whatever LD_LIBRARY_PATH the process was started with.
 */
export function useSwiftShader(): void {
  const folder = unpacked("swiftshader.tar.br");
  process.env.VK_DRIVER_FILES = join(folder, "vk_swiftshader_icd.json");
  process.env.XDG_RUNTIME_DIR ??= tmpdir();
  limitThreads();
  koffi.load(join(folder, "libvulkan.so.1"), { global: true });
}

/**
 * Gives SwiftShader one thread, here and in processes that are started from here: its threads wait by spinning, and cost
 * three times the processor time. It reads that from a file in the working directory, which this changes.
 */
export function limitThreads(): void {
  const settings = mkdtempSync(join(tmpdir(), "engram-ts-swiftshader-"));
  writeFileSync(join(settings, "SwiftShader.ini"), "[Processor]\nThreadCount=1\nAffinityMask=0xFFFFFFFF\n");
  process.chdir(settings);
  process.on("exit", () => rmSync(settings, { recursive: true, force: true }));
}
