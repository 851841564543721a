// What tfjs's WebGPU backend leaves to its user: sending off what it has recorded, and memory. It keeps every buffer that
// it frees for the next tensor of just that size, for ever; caches that grow by a token make a new size with each, so
// buffers that wait are freed here once they take more than those in use and a floor. And errors of the device, which come
// by themselves, a while after the call that made them.

import type { GpuDevice, TfjsKernelBackend } from "./tfjs-library.js";

/** Bytes of buffers that may always wait. */
const KEPT_BYTES = 256 * 2 ** 20;

/** Sends off what is recorded. */
export function submitQueue(backend: TfjsKernelBackend): void {
  if (backend.submitQueue === undefined) return;
  backend.ensureCommandEncoderReady?.();
  backend.endComputePassEncoder?.();
  backend.submitQueue();
  trimBuffers(backend);
}

/** Frees the buffers that wait for a tensor of their size, where they are too many. */
export function trimBuffers({ bufferManager }: TfjsKernelBackend, keptBytes = KEPT_BYTES): void {
  if (bufferManager === undefined) return;
  const waiting = bufferManager.numBytesAllocated - bufferManager.numBytesUsed;
  if (waiting <= Math.max(keptBytes, bufferManager.numBytesUsed)) return;
  for (const buffers of bufferManager.freeBuffers.values()) {
    for (const buffer of buffers.splice(0)) {
      bufferManager.numBytesAllocated -= buffer.size;
      bufferManager.numFreeBuffers--;
      buffer.destroy();
    }
  }
}

/** Calls `report` when the device is lost or has failed. Gives what ends the watch. */
export function watchDevice(device: GpuDevice, report: (kind: "lost" | "failed", message: string) => void): () => void {
  let watching = true;
  void device.lost.then(({ reason, message }) => {
    if (watching) report("lost", message || reason || "no reason given");
  });
  const listener = (event: { readonly error: Error }): void => report("failed", event.error.message);
  device.addEventListener("uncapturederror", listener);
  return () => {
    watching = false;
    device.removeEventListener("uncapturederror", listener);
  };
}
