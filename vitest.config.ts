// Tests import the packages' sources, so a stale build can never pass for a fresh one.
import { fileURLToPath } from "node:url";
import { defineConfig } from "vitest/config";

const source = (name: string) => fileURLToPath(new URL(`./packages/${name}/src/index.ts`, import.meta.url));

export default defineConfig({
  resolve: {
    alias: {
      "@engram-ts/core": source("core"),
      "@engram-ts/store-kit": source("store-kit"),
      "@engram-ts/store-dram": source("store-dram"),
      "@engram-ts/store-file": source("store-file"),
      "@engram-ts/store-s3": source("store-s3"),
      "@engram-ts/store-lmdb": source("store-lmdb"),
      "@engram-ts/backend-gpu/ggml": fileURLToPath(
        new URL("./packages/backend-gpu/src/ggml/index.ts", import.meta.url),
      ),
      "@engram-ts/backend-gpu/tfjs": fileURLToPath(
        new URL("./packages/backend-gpu/src/tfjs/index.ts", import.meta.url),
      ),
      "@engram-ts/backend-gpu": source("backend-gpu"),
      "@engram-ts/train": source("train"),
      "@engram-ts/cli": source("cli"),
    },
  },
  test: {
    include: ["packages/*/test/**/*.test.ts", "apps/*/test/**/*.test.ts", "tools/test/**/*.test.ts"],
    testTimeout: 60_000,
    pool: "forks",
  },
});
