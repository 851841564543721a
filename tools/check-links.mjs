// Every relative link and image in the committed Markdown leads to a file, and every #anchor to a heading.
// Not here: links to the web, which may be down without anything being wrong here.
import { execFileSync } from "node:child_process";
import { existsSync, readdirSync, readFileSync, statSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

process.chdir(fileURLToPath(new URL("..", import.meta.url)));

const files = markdownFiles();
const broken = files.flatMap((file) => brokenLinks(file));
for (const line of broken) console.error(line);
console.log(`links: ${files.length} files, ${broken.length} broken`);
process.exitCode = broken.length === 0 ? 0 : 1;

/** What git holds or would hold; where this is no git checkout, every Markdown file outside installed folders. */
function markdownFiles() {
  try {
    const args = ["ls-files", "--cached", "--others", "--exclude-standard", "*.md"];
    const listed = execFileSync("git", args, { encoding: "utf8", stdio: ["ignore", "pipe", "ignore"] });
    return listed.split("\n").filter((path) => path !== "" && existsSync(path));
  } catch {
    return readdirSync(".", { recursive: true }).filter(
      (path) => path.endsWith(".md") && !/(^|[\\/])(node_modules|dist|\.venv)[\\/]/.test(path),
    );
  }
}

function brokenLinks(file) {
  const text = readFileSync(file, "utf8")
    .replace(/^(```|~~~)[\s\S]*?^\1/gm, "")
    .replace(/`[^`\n]*`/g, "");
  const targets = [
    ...[...text.matchAll(/\]\(\s*<?([^)\s>]+)>?(?:\s+"[^"]*")?\s*\)/g)].map((match) => match[1]),
    ...[...text.matchAll(/^\[[^\]]+\]:\s*<?(\S+?)>?\s*$/gm)].map((match) => match[1]),
    ...[...text.matchAll(/\b(?:src|href)="([^"]+)"/g)].map((match) => match[1]),
  ];
  return targets
    .filter((target) => !/^[a-z][a-z0-9+.-]*:/i.test(target))
    .filter((target) => !leadsSomewhere(file, decodeURI(target)))
    .map((target) => `${file}: ${target} leads nowhere`);
}

function leadsSomewhere(file, target) {
  const [path, anchor] = target.split("#", 2);
  const full = path === "" ? file : path.startsWith("/") ? path.slice(1) : join(dirname(file), path);
  if (!existsSync(full)) return false;
  if (anchor === undefined || statSync(full).isDirectory() || !full.endsWith(".md")) return true;
  return headings(readFileSync(full, "utf8")).has(anchor.toLowerCase());
}

/** The anchors of a file's headings, spelled as GitHub spells them. */
function headings(text) {
  const anchors = new Set();
  for (const [, title] of text.replace(/^(```|~~~)[\s\S]*?^\1/gm, "").matchAll(/^#{1,6}\s+(.+?)\s*#*$/gm)) {
    const plain = title.replace(/\[([^\]]*)\]\([^)]*\)/g, "$1").toLowerCase();
    const anchor = plain.replace(/[^\p{L}\p{N}\s_-]/gu, "").replace(/\s/g, "-");
    for (let n = 0; ; n++) {
      const name = n === 0 ? anchor : `${anchor}-${n}`;
      if (anchors.has(name)) continue;
      anchors.add(name);
      break;
    }
  }
  return anchors;
}
