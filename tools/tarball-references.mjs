// What the built files of a package name: modules that they import, statically or not, and files that they look for beside
// themselves. Everything named must be in the package's own tarball, in a package that it depends on, or in Node: a
// checkout has more, and hides what is missing.
import { isBuiltin } from "node:module";
import { posix } from "node:path";
import typescript from "typescript";

/** `new URL("...", import.meta.url)`. */
const BESIDE = /new URL\(\s*["'`](\.[^"'`$]*)["'`]\s*,\s*import\.meta\.url\s*\)/g;

/** Files beside the repository's packages that programs of a checkout look for: comparisons with PyTorch. */
const CHECKOUT_ONLY = /^(\.\.\/)+tools\/peers\//;

/**
 * What is wrong with the references of one built file.
 * @param {{ path: string, text: string, files: ReadonlySet<string>, manifest: Record<string, any> }} given `path` within the
 *   package; `files`, all paths of its tarball.
 * @returns {string[]}
 */
export function wrongReferences({ path, text, files, manifest }) {
  const known = new Set([
    manifest.name,
    ...["dependencies", "peerDependencies", "optionalDependencies"].flatMap((kind) =>
      Object.keys(manifest[kind] ?? {}),
    ),
  ]);
  const within = (name) => posix.join(posix.dirname(path), name);
  const wrong = [];
  for (const { fileName: name } of typescript.preProcessFile(text, true, true).importedFiles) {
    if (isBuiltin(name)) continue;
    if (name.startsWith(".")) {
      if (!files.has(within(name))) wrong.push(`${path} imports ${name}, which is not in the tarball`);
      continue;
    }
    const owner = name
      .split("/", 2)
      .slice(0, name.startsWith("@") ? 2 : 1)
      .join("/");
    if (!known.has(owner)) wrong.push(`${path} imports ${name}; the package does not depend on ${owner}`);
  }
  for (const [, name] of text.matchAll(BESIDE)) {
    const target = within(name).replace(/\/$/, "");
    const there = target === "." || files.has(target) || [...files].some((file) => file.startsWith(`${target}/`));
    if (!there && !CHECKOUT_ONLY.test(name)) wrong.push(`${path} looks for ${name}, which is not in the tarball`);
  }
  return wrong;
}
