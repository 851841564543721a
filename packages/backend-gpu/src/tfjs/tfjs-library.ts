// What this engine uses of TensorFlow.js 4, as types of our own: the package's declarations do not compile beside those of
// a current DOM, and whoever installs no tfjs must still be able to compile against this package. Types only. The same
// names exist in @tensorflow/tfjs-core, tfjs, tfjs-node and tfjs-node-gpu.

/** A tensor of tfjs. Its values never change. */
export interface TfjsArray {
  readonly shape: readonly number[];
  readonly size: number;
  readonly isDisposed: boolean;
  data(): Promise<Float32Array | Int32Array | Uint8Array>;
  dataSync(): Float32Array | Int32Array | Uint8Array;
  dispose(): void;
}

type Unary = (x: TfjsArray) => TfjsArray;
type Binary = (a: TfjsArray, b: TfjsArray | number) => TfjsArray;
type Reduction = (x: TfjsArray, axis?: number, keepDims?: boolean) => TfjsArray;
type Shape = readonly number[];

/** A backend of tfjs: those of its members that are used. */
export interface TfjsKernelBackend {
  makeOutput?: (shape: number[], ...rest: unknown[]) => unknown;
  makeTensorInfo?: (shape: number[], ...rest: unknown[]) => unknown;
  write(values: unknown, shape: number[], ...rest: unknown[]): object;
  /** Plain JavaScript: whether nothing was computed yet. */
  firstUse?: boolean;
  /** WebAssembly. */
  readonly wasm?: { _malloc(bytes: number): number; _free(address: number): void; readonly HEAPU8: Uint8Array };
  readonly dataIdMap?: { get(dataId: object): { readonly memoryOffset: number } | undefined };
  /** WebGPU, and what follows. */
  readonly device?: GpuDevice;
  readonly bufferManager?: GpuBufferManager;
  ensureCommandEncoderReady?(): void;
  endComputePassEncoder?(): void;
  submitQueue?(): void;
}

/** The buffers of the WebGPU backend: those in use, and those that wait for a tensor of just their size. */
export interface GpuBufferManager {
  readonly freeBuffers: Map<string, { readonly size: number; destroy(): void }[]>;
  readonly numBytesUsed: number;
  numBytesAllocated: number;
  numFreeBuffers: number;
}

/** A WebGPU device: those of its members that are looked at. */
export interface GpuDevice {
  readonly limits: { readonly maxStorageBufferBindingSize: number; readonly maxBufferSize: number };
  readonly lost: Promise<{ readonly reason?: string; readonly message: string }>;
  addEventListener(type: "uncapturederror", listener: (event: { readonly error: Error }) => void): void;
  removeEventListener(type: "uncapturederror", listener: (event: { readonly error: Error }) => void): void;
  destroy(): void;
}

/** The functions of tfjs. */
export interface TfjsLibrary {
  readonly version_core?: string;
  engine(): {
    readonly backendName: string;
    /** The backends that are initialized: findBackend would initialize one that is not. */
    readonly registry: Readonly<Record<string, TfjsKernelBackend>>;
    runKernel(name: string, inputs: Readonly<Record<string, TfjsArray>>, attributes: object): TfjsArray;
  };
  setBackend(name: string): Promise<boolean>;
  findBackendFactory(name: string): unknown;
  registerBackend(name: string, factory: () => unknown, priority?: number): boolean;
  removeBackend(name: string): void;
  getKernel(name: string, backendName: string): unknown;
  registerKernel(kernel: { kernelName: string; backendName: string; kernelFunc: unknown }): void;
  memory(): { readonly numTensors: number; readonly numBytes: number };
  tidy<R>(run: () => R): R;
  keep(x: TfjsArray): TfjsArray;

  tensor(values: Float32Array | Int32Array, shape: Shape, type: "float32" | "int32"): TfjsArray;
  zeros(shape: Shape): TfjsArray;
  range(start: number, stop: number): TfjsArray;
  clone: Unary;
  cast(x: TfjsArray, type: "float32" | "int32"): TfjsArray;

  abs: Unary;
  sign: Unary;
  floor: Unary;
  square: Unary;
  sqrt: Unary;
  exp: Unary;
  log: Unary;
  sigmoid: Unary;
  softmax: Unary;
  add: Binary;
  sub(a: TfjsArray | number, b: TfjsArray | number): TfjsArray;
  mul: Binary;
  div(a: TfjsArray | number, b: TfjsArray | number): TfjsArray;
  maximum: Binary;
  minimum: Binary;
  less: Binary;
  lessEqual: Binary;
  greater: Binary;
  where(condition: TfjsArray, a: TfjsArray, b: TfjsArray): TfjsArray;

  sum: Reduction;
  mean: Reduction;
  max: Reduction;
  cumsum(x: TfjsArray, axis: number, exclusive: boolean): TfjsArray;
  topk(x: TfjsArray, k: number): { readonly values: TfjsArray; readonly indices: TfjsArray };

  matMul(a: TfjsArray, b: TfjsArray, transposeA?: boolean, transposeB?: boolean): TfjsArray;
  reshape(x: TfjsArray, shape: Shape): TfjsArray;
  transpose(x: TfjsArray, order?: Shape): TfjsArray;
  slice(x: TfjsArray, begin: Shape, size: Shape): TfjsArray;
  concat(parts: readonly TfjsArray[], axis: number): TfjsArray;
  tile(x: TfjsArray, times: Shape): TfjsArray;
  pad(x: TfjsArray, sides: readonly (readonly [number, number])[]): TfjsArray;
  gather(x: TfjsArray, indices: TfjsArray): TfjsArray;
  oneHot(indices: TfjsArray, depth: number): TfjsArray;
  scatterND(indices: TfjsArray, updates: TfjsArray, shape: Shape): TfjsArray;
}
