// The engine in a browser: bundled by esbuild for one, and run in headless Chromium out of the npm package
// @sparticuz/chromium, on WebGPU (SwiftShader again) and on WebAssembly.

import { existsSync, linkSync, readdirSync, readFileSync } from "node:fs";
import { createServer, type Server } from "node:http";
import { createRequire } from "node:module";
import type { AddressInfo } from "node:net";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { build } from "esbuild";
import { type Browser, chromium } from "playwright-core";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { TfjsOptions } from "../../src/tfjs/index.js";
import type { BrowserResult } from "./browser-entry.js";
import { limitThreads, unpacked } from "./swiftshader.js";

const here = dirname(fileURLToPath(import.meta.url));
const wasmFiles = dirname(createRequire(import.meta.url).resolve("@tensorflow/tfjs-backend-wasm"));

async function bundle(): Promise<string> {
  const { outputFiles, warnings } = await build({
    entryPoints: [join(here, "browser-entry.ts")],
    bundle: true,
    write: false,
    platform: "browser",
    format: "iife",
    logLevel: "silent",
    alias: { "@engram-ts/core": join(here, "../../../core/src/index.ts") },
  });
  expect(warnings.filter(({ text }) => text.includes("node:"))).toEqual([]);
  return outputFiles[0]?.text ?? "";
}

/** The browser's binary, with SwiftShader's library beside it, where it looks for it. */
function binary(): string {
  const folder = unpacked("chromium.br");
  for (const file of readdirSync(unpacked("swiftshader.tar.br"))) {
    const beside = join(folder, file);
    if (!existsSync(beside)) {
      try {
        linkSync(join(unpacked("swiftshader.tar.br"), file), beside);
      } catch (error) {
        if (!existsSync(beside)) throw error; // another process was first
      }
    }
  }
  return join(folder, "chromium");
}

describe("in headless Chromium", () => {
  let browser: Browser;
  let server: Server;

  beforeAll(async () => {
    const script = await bundle();
    limitThreads();
    server = createServer(({ url = "/" }, response) => {
      if (url === "/")
        response.setHeader("content-type", "text/html").end("<!doctype html><script src=bundle.js></script>");
      else if (url === "/bundle.js") response.setHeader("content-type", "text/javascript").end(script);
      else if (/^\/[\w-]+\.wasm$/.test(url)) {
        response.setHeader("content-type", "application/wasm").end(readFileSync(join(wasmFiles, url.slice(1))));
      } else response.writeHead(404).end();
    });
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    browser = await chromium.launch({
      executablePath: binary(),
      env: { ...process.env, LD_LIBRARY_PATH: join(unpacked("al2023.tar.br"), "lib") } as Record<string, string>,
      args: ["--no-sandbox", "--enable-unsafe-webgpu", "--use-webgpu-adapter=swiftshader", "--enable-features=Vulkan"],
    });
  });

  afterAll(async () => {
    await browser?.close();
    server?.close();
  });

  it.each(["webgpu", "wasm"] as const)("runs every operation case on %s, forward and backward", async (backend) => {
    const page = await browser.newPage();
    await page.goto(`http://127.0.0.1:${(server.address() as AddressInfo).port}/`);
    const options: TfjsOptions = { backend, ...(backend === "wasm" && { wasmPath: "/" }) };
    const result = await page.evaluate(
      async (own) => (globalThis as unknown as { runCases(o: object): Promise<BrowserResult> }).runCases(own),
      options,
    );
    process.stdout.write(
      `engine tfjs ${backend} in Chromium (${result.device}): ${result.cases} cases, ${result.comparisons} comparisons, worst error ${result.worst.toExponential(1)} (${result.about})\n`,
    );
    expect(result.comparisons).toBeGreaterThan(100);
    expect(result.worst).toBeLessThan(3e-5);
    await page.close();
  });
});
