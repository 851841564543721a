// Builds the kernels with the machine's C compiler: node native/build.mjs. The result is committed, so that users need no
// compiler; the digest of the sources is built in, and a test compares it with the sources.
import { execFileSync } from "node:child_process";
import { createHash } from "node:crypto";
import { mkdirSync, readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";

const folder = new URL("./", import.meta.url);
const digest = createHash("sha256");
for (const name of ["attend.h", "kernels.c", "panel.h", "tensor.h"]) digest.update(readFileSync(new URL(name, folder)));
mkdirSync(new URL("linux-x64/", folder), { recursive: true });
execFileSync(
  process.env.CC ?? "cc",
  [
    ...["-O3", "-fPIC", "-shared", "-s", "-Wall", "-Wextra", "-fno-ident", "-ffile-prefix-map=.=."],
    `-DSOURCES="${digest.digest("hex")}"`,
    ...["-o", "linux-x64/engram-kernels.so", "kernels.c"],
  ],
  { cwd: fileURLToPath(folder), stdio: "inherit" },
);
