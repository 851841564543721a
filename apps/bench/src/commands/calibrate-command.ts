// `engram-bench calibrate`: tries on this machine whether a store twice as slow is called so, and the same store is not.

import { Command, InvalidArgumentError } from "commander";
import { calibrate, wrongCalls } from "../cells/calibrate.js";
import { digits } from "../report/numbers.js";

interface CalibrateCommandOptions {
  readonly repetitions: number;
  readonly timesSlower: number;
}

/** The command `calibrate`. */
export function calibrateCommand(): Command {
  return new Command("calibrate")
    .description("Tries whether this machine is quiet enough: calls a slowed store, and the same store, many times.")
    .option("--repetitions <count>", "how often", positive, 20)
    .option("--times-slower <factor>", "what the slowed store takes, in times of the store", positive, 2)
    .action(async ({ repetitions, timesSlower }: CalibrateCommandOptions) => {
      const found = await calibrate({ repetitions, timesSlower }, ({ itself, slowed }) => {
        const text = [itself, slowed].map(
          ({ ratio, low, high, verdict }) => `${digits(ratio)} (${digits(low)} to ${digits(high)}) ${verdict}`,
        );
        process.stdout.write(`against itself: ${text[0]}; ${timesSlower} times as slow: ${text[1]}\n`);
      });
      const { itself, slowed } = wrongCalls(found);
      process.stdout.write(
        `of ${repetitions}: ${itself} times the same store was called different, ${slowed} times the slowed one was not called a regression\n`,
      );
      if (itself + slowed > repetitions / 20) process.exitCode = 1;
    });
}

function positive(text: string): number {
  const value = Number(text);
  if (Number.isFinite(value) && value > 0) return value;
  throw new InvalidArgumentError("use a number above 0.");
}
