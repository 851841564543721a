// Options that several table commands share, from text to checked values.

import {
  ADDRESSING_PRESETS,
  type AddressingConfig,
  type AddressingPreset,
  checkRowEncoding,
  EngramError,
  parseAddressingConfig,
  type RowEncoding,
} from "@engram-ts/core";
import { readJsonFile } from "./input-file.js";
import { parseTokenList } from "./token-list.js";

const CONFIG_LIMIT_BYTES = 2 ** 20;

/** `--layers 1,14`, as part of options; nothing where it is not given. */
export function layersOption(text: string | undefined): { layers?: readonly number[] } {
  return text === undefined ? {} : { layers: [...new Set(parseTokenList(text, "--layers"))] };
}

/**
 * A whole number of an option; undefined where it is not given.
 * @throws EngramError `invalid-argument`.
 */
export function wholeOption(option: string, text: string | undefined, least: number): number | undefined {
  if (text === undefined) return undefined;
  if (/^\d{1,10}$/.test(text) && Number(text) >= least && Number(text) <= 0xffff_ffff) return Number(text);
  throw new EngramError({
    code: "invalid-argument",
    operation: option,
    message: `${option} is ${JSON.stringify(text.slice(0, 40))}; write a whole number from ${least} to ${0xffff_ffff}`,
  });
}

/**
 * A number above 0 and at most 1.
 * @throws EngramError `invalid-argument`.
 */
export function scaleOption(option: string, text: string | undefined): number | undefined {
  if (text === undefined) return undefined;
  const scale = /^\d*\.?\d+(e-?\d+)?$/.test(text) ? Number(text) : Number.NaN;
  if (scale > 0 && scale <= 1) return scale;
  throw new EngramError({
    code: "invalid-argument",
    operation: option,
    message: `${option} is ${JSON.stringify(text.slice(0, 40))}; write a number above 0 and at most 1, as 0.001`,
  });
}

/** The preset of a name; undefined where there is none. */
export function presetNamed(name: string): AddressingPreset | undefined {
  return Object.entries(ADDRESSING_PRESETS).find(([known]) => known === name)?.[1];
}

/**
 * An addressing from the name of a preset or from a JSON file.
 * @throws EngramError `invalid-config`, and as `readJsonFile`.
 */
export async function addressingOption(named: string): Promise<AddressingConfig> {
  return presetNamed(named)?.config ?? parseAddressingConfig(await readJsonFile(named, CONFIG_LIMIT_BYTES, "--config"));
}

/**
 * `kind` or `kind:width`, as in `bf16:64`.
 * @throws EngramError `invalid-argument`.
 */
export function encodingOption(text: string, width: number | undefined): RowEncoding {
  const [, kind, own, scale] = /^([a-z0-9-]+)(?::(\d{1,5}))?(?:@([0-9.e-]{1,30}))?$/.exec(text) ?? [];
  const encoding: unknown = {
    kind,
    width: own === undefined ? width : Number(own),
    ...(scale === undefined ? {} : { scale: Number(scale) }),
  };
  checkRowEncoding(encoding, "--encoding");
  return encoding;
}

/** The addressing with tables of about `scale` times their rows. */
export function scaledAddressing(config: AddressingConfig, scale: number): AddressingConfig {
  return { ...config, tableSizes: config.tableSizes.map((size) => Math.max(2, Math.round(size * scale))) };
}
