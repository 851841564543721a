// A network that is far away: a TCP proxy, a process of its own, that delivers every byte half of a round trip late, in
// both directions, and in order. Bandwidth is not limited, and connecting is not delayed: connections are kept.
//   node delay-proxy.js TARGET_HOST TARGET_PORT ROUND_TRIP_MS      prints the port it listens on

import { spawn } from "node:child_process";
import { connect, createServer, type Socket } from "node:net";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";

/** A proxy that runs. */
export interface DelayProxy {
  readonly endpoint: string;
  stop(): void;
}

/** Starts a proxy in front of an `http:` server. */
export async function startDelayProxy(endpoint: string, roundTripMs: number): Promise<DelayProxy> {
  const program = fileURLToPath(new URL("../../dist/cells/delay-proxy.js", import.meta.url));
  const { hostname, port } = new URL(endpoint);
  const child = spawn(process.execPath, [program, hostname, port || "80", `${roundTripMs}`], {
    stdio: ["ignore", "pipe", "inherit"],
  });
  const stop = () => {
    process.removeListener("exit", stop);
    child.kill();
  };
  process.once("exit", stop);
  const line = await createInterface({ input: child.stdout })[Symbol.asyncIterator]().next();
  if (line.done) throw new Error("the delay proxy ended before it listened");
  return { endpoint: `http://127.0.0.1:${line.value}`, stop };
}

/** Passes on what comes, late; what the target does not take at once waits in memory. */
function passLate(from: Socket, to: Socket, delayMs: number): void {
  from.on("data", (chunk) => {
    setTimeout(() => {
      if (to.writable) to.write(chunk);
    }, delayMs);
  });
  from.on("end", () => setTimeout(() => to.end(), delayMs));
  from.on("error", () => to.destroy());
  from.on("close", () => setTimeout(() => to.destroy(), delayMs + 1));
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const [, , host = "127.0.0.1", port = "0", roundTripMs = "0"] = process.argv;
  const delayMs = Number(roundTripMs) / 2;
  const server = createServer({ noDelay: true }, (client) => {
    const target = connect({ host, port: Number(port), noDelay: true });
    passLate(client, target, delayMs);
    passLate(target, client, delayMs);
  });
  server.listen(0, "127.0.0.1", () => {
    const address = server.address();
    console.log(typeof address === "object" && address !== null ? address.port : "");
  });
}
