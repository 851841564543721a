// What a process that takes part in a cell is asked, and what it answers: a line of five numbers in, a line of JSON out, the
// same for every contestant in every language. What the numbers of calls and rows refer to is in its arguments.

/** One request. Written as numbers on a line, in this order. */
export interface RoundRequest {
  /** The first call's place in the list of calls that the contestant was given. */
  readonly firstCall: number;
  /** Calls timed together; the list is read on from its start where it ends. */
  readonly calls: number;
  /** 1: answer a checksum of what the last call gave. */
  readonly check: 0 | 1;
  /** 0: each call after the one before it. Else calls arrive at random, so many a second on average (open loop). */
  readonly perSecond: number;
  readonly seed: number;
}

/** One answer. */
export interface RoundAnswer {
  /** Time by the clock, all calls together. */
  readonly ns: number;
  /** Time of the process on processors. */
  readonly cpuNs?: number;
  readonly checksum?: number;
  /** Open loop: nanoseconds of each call from its arrival. */
  readonly latencyNs?: readonly number[];
  /** Rows that each tier has served since the process began. */
  readonly hits?: Readonly<Record<string, number>>;
}

/** The line of a request. */
export function requestLine({ firstCall, calls, check, perSecond, seed }: RoundRequest): string {
  return `${firstCall} ${calls} ${check} ${perSecond} ${seed}\n`;
}

/** Reads the line of a request. */
export function parseRequest(line: string): RoundRequest {
  const [firstCall = 0, calls = 0, check = 0, perSecond = 0, seed = 0] = line.split(" ").map(Number);
  return { firstCall, calls, check: check === 1 ? 1 : 0, perSecond, seed };
}

/** Looks at an answer; undefined where it has no time. */
export function parseAnswer(answer: Readonly<Record<string, unknown>>): RoundAnswer | undefined {
  const { ns } = answer;
  return typeof ns === "number" && ns > 0 ? (answer as unknown as RoundAnswer) : undefined; // the rest is our own programs'
}
