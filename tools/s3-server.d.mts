// What tools/s3-server.mjs exports, for tests and benchmarks in TypeScript.

/** A real S3 server that runs. */
export interface S3Server {
  readonly endpoint: string;
  readonly clientConfig: {
    readonly endpoint: string;
    readonly region: string;
    readonly forcePathStyle: true;
    readonly credentials: { readonly accessKeyId: string; readonly secretAccessKey: string };
  };
  /** The folder that holds its objects. */
  readonly root: string;
  /** Ends it and removes its folder. */
  stop(): Promise<void>;
}

export function findS3Server(): string | undefined;
export function installS3Server(): string;
export function startS3Server(program?: string): Promise<S3Server>;
