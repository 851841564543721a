// Types of tarball-references.mjs, for its test.
export function wrongReferences(given: {
  readonly path: string;
  readonly text: string;
  readonly files: ReadonlySet<string>;
  readonly manifest: Readonly<Record<string, unknown>>;
}): string[];
