// Every package that changed since the last release is named by a pending changeset, and every changeset is well
// formed. The last release is the last commit that wrote a CHANGELOG.md, which only `changeset version` does; before
// the first one every package counts as changed. Works offline, in any clone, and sees what is not committed yet.
// Not here: `changeset status`, which compares with a branch that a clone may not have.
import { execFileSync } from "node:child_process";
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";

process.chdir(fileURLToPath(new URL("..", import.meta.url)));

const packages = ["packages", "apps"]
  .flatMap((parent) => readdirSync(parent).map((name) => `${parent}/${name}`))
  .filter((folder) => existsSync(`${folder}/package.json`))
  .map((folder) => ({ folder, ...JSON.parse(readFileSync(`${folder}/package.json`, "utf8")) }))
  .filter((manifest) => manifest.private !== true);
const names = packages.map(({ name }) => name);

const problems = [];
const named = new Set();
for (const file of readdirSync(".changeset").filter((name) => name.endsWith(".md") && name !== "README.md")) {
  for (const name of readChangeset(`.changeset/${file}`)) named.add(name);
}
const changed = changedPackages();
for (const name of changed) {
  if (!named.has(name))
    problems.push(`${name} changed since the last release and no changeset names it; run npm run changeset`);
}
for (const problem of problems) console.error(problem);
console.log(`changesets: ${changed.length} changed packages, ${problems.length} problems`);
process.exitCode = problems.length === 0 ? 0 : 1;

/** The package names of one changeset; what is wrong with it goes to `problems`. */
function readChangeset(path) {
  const match = /^---\r?\n([\s\S]*?)\r?\n?---\r?\n([\s\S]*)$/.exec(readFileSync(path, "utf8"));
  if (match === null) {
    problems.push(`${path}: expected front matter between two lines of ---, then the text for users`);
    return [];
  }
  const lines = match[1].split(/\r?\n/).filter((line) => line.trim() !== "");
  if (lines.length > 0 && match[2].trim().length < 20) problems.push(`${path}: says nothing to users`);
  return lines.flatMap((line) => {
    const entry = /^["']?([^"':]+)["']?:\s*(major|minor|patch)\s*$/.exec(line);
    if (entry !== null && names.includes(entry[1])) return [entry[1]];
    problems.push(
      `${path}: ${line}: expected "package": major, minor or patch, the package one of ${names.join(", ")}`,
    );
    return [];
  });
}

/** Names of packages whose sources or manifest differ from the last release. */
function changedPackages() {
  const git = (...args) => execFileSync("git", args, { encoding: "utf8", stdio: ["ignore", "pipe", "ignore"] }).trim();
  let release;
  try {
    release = git("log", "-1", "--format=%H", "--", "packages/*/CHANGELOG.md");
  } catch {
    console.log("note: this is no git checkout; changesets are checked for their form only");
    return [];
  }
  if (release === "") return names;
  const files = `${git("diff", "--name-only", release)}\n${git("ls-files", "--others", "--exclude-standard")}`.split(
    "\n",
  );
  const counts = (folder) =>
    files.some(
      (file) =>
        file.startsWith(`${folder}/src/`) || file.startsWith(`${folder}/bin/`) || file === `${folder}/package.json`,
    );
  return packages.filter(({ folder }) => counts(folder)).map(({ name }) => name);
}
