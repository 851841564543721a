// The threads of a CPU device: one pool for all graphs, so that none are started for each. Between graphs they look for
// work for a few milliseconds before they sleep.

import type { FoundDevice } from "../devices.js";
import type { Pointer } from "./bindings.js";
import type { Library } from "./load-library.js";

/** Threads that belong to one backend. */
export interface ThreadPool {
  /** To be called after the backend was freed. */
  close(): void;
}

/** Bytes of ggml_threadpool_params, rounded up, and where it says how long threads look for work (0 to 100). */
const PARAMETER_BYTES = 1024;
const POLL_OFFSET = 520;
const POLL = 10;

/** Has a backend run on so many threads. */
export function openThreads(library: Library, { pointer }: FoundDevice, backend: Pointer, threads: number): ThreadPool {
  const { bindings, koffi } = library;
  const registry: Pointer = bindings.ggml_backend_dev_backend_reg(pointer);
  const call = (name: string, declaration: string, ...inputs: readonly unknown[]): Pointer | undefined => {
    const address: Pointer = bindings.ggml_backend_reg_get_proc_address(registry, name);
    return address ? (koffi.call(address, koffi.proto(declaration), ...inputs) as Pointer) : undefined;
  };
  call("ggml_backend_set_n_threads", "void (void* backend, int threads)", backend, threads);
  const parameters = new Uint8Array(PARAMETER_BYTES);
  bindings.ggml_threadpool_params_init(parameters, threads);
  new DataView(parameters.buffer).setUint32(POLL_OFFSET, POLL, true);
  const pool = call("ggml_threadpool_new", "void* (void* parameters)", parameters);
  if (!pool) return { close: () => undefined };
  call("ggml_backend_cpu_set_threadpool", "void (void* backend, void* pool)", backend, pool);
  return { close: () => void call("ggml_threadpool_free", "void (void* pool)", pool) };
}
