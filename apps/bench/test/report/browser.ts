// A headless Chromium that npm brings along (@sparticuz/chromium), started with the libraries that it comes with.

import { type Browser, chromium } from "playwright-core";

/** Starts it. Its package unpacks its libraries only on machines that it takes for ones that lack them. */
export async function startBrowser(): Promise<Browser> {
  process.env.AWS_LAMBDA_JS_RUNTIME ??= "nodejs20.x";
  const { default: unpacked } = await import("@sparticuz/chromium");
  // in one process the browser would end with its first context
  const args = unpacked.args.filter((arg) => arg !== "--single-process" && arg !== "--no-zygote");
  return chromium.launch({ executablePath: await unpacked.executablePath(), args, headless: true });
}
