// The XML of S3's answers, and the little of requests that has to be read.

/** A value within XML. */
export type XmlValue = string | number | boolean | XmlFields | readonly XmlFields[];

/** Elements by name; an array repeats its element. */
export interface XmlFields {
  readonly [name: string]: XmlValue;
}

/** A document of one root. */
export function xmlDocument(root: string, fields: XmlFields): Buffer {
  return Buffer.from(`<?xml version="1.0" encoding="UTF-8"?>\n${element(root, fields)}`);
}

function element(name: string, value: XmlValue): string {
  if (typeof value !== "object") return `<${name}>${escaped(String(value))}</${name}>`;
  if (Array.isArray(value)) return (value as readonly XmlFields[]).map((one) => element(name, one)).join("");
  const inner = Object.entries(value as XmlFields).map(([field, one]) => element(field, one));
  return `<${name}>${inner.join("")}</${name}>`;
}

function escaped(text: string): string {
  return text.replace(/[<>&"']/g, (character) => `&#${character.charCodeAt(0)};`);
}

/** The parts named in a CompleteMultipartUpload, in the order given. */
export function completedParts(document: string): { readonly number: number; readonly etag: string }[] {
  return [...document.matchAll(/<Part>([\s\S]*?)<\/Part>/g)].map(([, part = ""]) => ({
    number: Number(/<PartNumber>(\d+)<\/PartNumber>/.exec(part)?.[1]),
    etag: unescaped(/<ETag>(.*?)<\/ETag>/.exec(part)?.[1] ?? ""),
  }));
}

function unescaped(text: string): string {
  return text.replaceAll("&quot;", '"').replaceAll("&#34;", '"');
}
