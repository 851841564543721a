// The texts that are made of a corpus, by the names that cells know them by. Not here: how each is made.

import type { TextMaker } from "../text.js";
import { recallText } from "./recall-text.js";

/** All made texts. */
export const TEXTS: Readonly<Record<string, TextMaker>> = { recall: recallText };
