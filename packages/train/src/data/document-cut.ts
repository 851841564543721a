// Cuts long documents where a reader would pause. Joined again, the parts are the document.
// Pauses are blank lines, then lines, then spaces; where there is none a cut falls between two characters.
// Not here: which documents are cut, which is the corpus's option.

/** Where to cut, best first: after a blank line, a line, a space. */
const PAUSES = ["\n\n", "\n", " "];

/** The document in parts of at most `length` UTF-16 code units (one more where a pair would be cut). */
export function* cutDocument(text: string, length: number): Iterable<string> {
  let start = 0;
  while (text.length - start > length) {
    const end = cutBefore(text, start, start + length);
    yield text.slice(start, end);
    start = end;
  }
  yield text.slice(start);
}

function cutBefore(text: string, start: number, end: number): number {
  const window = text.slice(start, end);
  // Pauses in the first half would leave short parts behind: they are taken only where there is no other.
  for (const least of [window.length / 2, 0]) {
    for (const pause of PAUSES) {
      const at = window.lastIndexOf(pause);
      if (at >= least) return start + at + pause.length;
    }
  }
  const unit = text.charCodeAt(end - 1);
  return unit >= 0xd800 && unit < 0xdc00 ? end + 1 : end;
}
