// A headless Chromium that npm brings along (@sparticuz/chromium), started with the libraries that it comes with.

import { createRequire } from "node:module";
import { type Browser, chromium } from "playwright-core";

/** What is used of the package. Its entry sets up its libraries only where it takes the machine for one that lacks them. */
interface Bundled {
  readonly args: string[];
  executablePath(): Promise<string>;
}

/** Starts it. */
export async function startBrowser(): Promise<Browser> {
  process.env.AWS_LAMBDA_JS_RUNTIME ??= "nodejs20.x"; // unpack the libraries too
  const { default: bundled } = (await import(createRequire(import.meta.url).resolve("@sparticuz/chromium"))) as {
    default: Bundled;
  }; // its declarations do not say what the default export has
  // in one process the browser would end with its first context
  const args = bundled.args.filter((arg) => arg !== "--single-process" && arg !== "--no-zygote");
  return chromium.launch({ executablePath: await bundled.executablePath(), args, headless: true });
}
