// The way in by URI: opens a folder with a manifest, and writes one.

import { join } from "node:path";
import { EngramError, type ManifestModule, type OpenedTables, type RowStore, type TableDriver } from "@engram-ts/core";
import type { FileStoreOptions } from "./file-options.js";
import { fileStore } from "./file-store.js";
import { folderOf } from "./file-uri.js";
import { checkSignal, type FileWriterOptions, fileTableWriter } from "./file-writer.js";
import { readManifest, readSmallFile } from "./manifest-file.js";

/** How tables in folders are read and written. */
export interface FileDriverOptions
  extends Pick<FileStoreOptions, "maxBatch" | "mapping" | "mappingBytes" | "reads" | "queueDepth">,
    FileWriterOptions {}

/**
 * Opens and writes `file:` URIs, such as `file:./tables`: folders with an `engram.json`. To have the tables of one model on
 * several disks, give each layer a URI of its own.
 * @example const { tables } = await fileDriver().open("file:./tables", { layers: [1] });
 */
export function fileDriver(options: FileDriverOptions = {}): TableDriver {
  return {
    scheme: "file",
    async open(uri, openOptions) {
      const operation = "fileDriver.open";
      const folder = folderOf(uri, operation);
      const manifest = await readManifest(folder, operation);
      const stores = new Map<number, RowStore>();
      const close = async (): Promise<void> => {
        await Promise.all([...stores.values()].map((store) => store.close()));
      };
      try {
        for (const module of modulesOf(manifest.modules, openOptions?.layers, uri)) {
          checkSignal(openOptions?.signal, operation);
          stores.set(module.layer, fileStore({ ...options, module, folder }));
        }
      } catch (cause) {
        await close();
        throw cause;
      }
      const opened: OpenedTables = { manifest, tables: stores, close };
      const { tokenMap } = manifest;
      if (tokenMap === undefined) return opened;
      return { ...opened, tokenMap: () => readSmallFile(join(folder, tokenMap.file), tokenMap.bytes, operation) };
    },
    write: (uri, plan, writeOptions) =>
      fileTableWriter(folderOf(uri, "fileDriver.write"), plan, options, writeOptions ?? {}),
  };
}

function modulesOf(
  modules: readonly ManifestModule[],
  layers: readonly number[] | undefined,
  uri: string,
): readonly ManifestModule[] {
  if (layers === undefined) return modules;
  return layers.map((layer) => {
    const module = modules.find((one) => one.layer === layer);
    if (module !== undefined) return module;
    throw new EngramError({
      code: "not-found",
      operation: "fileDriver.open",
      message: `${uri} has no table of layer ${layer}; it has ${modules.map((one) => one.layer).join(", ")}`,
      context: { layer },
    });
  });
}
