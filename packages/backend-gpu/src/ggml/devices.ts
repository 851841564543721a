// The devices that ggml sees on this host, and opening one of them.

import { EngramError } from "@engram-ts/core";
import type { Pointer } from "./library/bindings.js";
import type { Library } from "./library/load-library.js";

/** A device. */
export interface GgmlDevice {
  /** `CPU`, `Vulkan0`, `CUDA0`, `Metal`, ... */
  readonly name: string;
  /** What the driver calls it. */
  readonly description: string;
  readonly kind: "cpu" | "gpu";
  readonly memoryBytes: number;
  readonly freeBytes: number;
}

/** A device with its pointer. */
export interface FoundDevice extends GgmlDevice {
  readonly pointer: Pointer;
}

const CPU_TYPE = 0;
const SOFTWARE = /llvmpipe|swiftshader|software/i;

/** Is it a graphics interface that runs on the CPU? */
export function isSoftware({ kind, description }: GgmlDevice): boolean {
  return kind === "gpu" && SOFTWARE.test(description);
}

/** All devices, in ggml's order. */
export function foundDevices({ bindings }: Library): readonly FoundDevice[] {
  return Array.from({ length: Number(bindings.ggml_backend_dev_count()) }, (_, i) => {
    const pointer: Pointer = bindings.ggml_backend_dev_get(i);
    const free: [number] = [0];
    const total: [number] = [0];
    bindings.ggml_backend_dev_memory(pointer, free, total);
    return {
      pointer,
      name: bindings.ggml_backend_dev_name(pointer),
      description: String(bindings.ggml_backend_dev_description(pointer)).trim(),
      kind: bindings.ggml_backend_dev_type(pointer) === CPU_TYPE ? "cpu" : "gpu",
      memoryBytes: Number(total[0]),
      freeBytes: Number(free[0]),
    };
  });
}

/**
 * The device of this name, or the best: a graphics processor that is real, else the CPU.
 * @throws EngramError `invalid-argument` naming the devices there are.
 */
export function chooseDevice(devices: readonly FoundDevice[], name?: string): FoundDevice {
  const found =
    name === undefined
      ? (devices.find((device) => device.kind === "gpu" && !isSoftware(device)) ??
        devices.find(({ kind }) => kind === "cpu"))
      : devices.find((device) => device.name.toLowerCase() === name.toLowerCase());
  if (found !== undefined) return found;
  const names = devices.map((device) => `${device.name} (${device.description})`).join(", ");
  throw new EngramError({
    code: "invalid-argument",
    operation: "openGgml",
    message: `there is no device ${name ?? "at all"}; ggml sees ${names === "" ? "none" : names}`,
    context: { devices: devices.map((device) => device.name) },
  });
}
