// What peers of cells about rows are given: where the rows lie, and the calls to make. Types only.

/** Where the rows lie that all peers read. */
export interface PeerTable {
  /** The file of packed rows. */
  readonly path: string;
  readonly rows: number;
  readonly rowBytes: number;
  /** For what peers make of it. */
  readonly folder: string;
}

/** The calls that a cell asks for. */
export interface PeerCalls {
  readonly ids: string;
  readonly count: number;
  /** Every call is made once before anything counts: the cell is hot. */
  readonly touch?: boolean;
}
