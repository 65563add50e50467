// What the console answers (console/calls/app.py).

/** A row of the list (console/calls/rows.py). */
export interface Row {
  call_sid: string;
  started: number;
  agent: string;
  end_reason: string;
  transfer: string;
  duration_s: number;
  interruptions: number;
  gaps: number;
  first_audio_ms: number | null;
  answer_ms: number | null;
  cause: string;
  why: string;
  failovers: number;
  waiting_since: number;
  success: string;
  caller: string;
  title: string;
  /** One a line. */
  tags: string;
  lookup: string;
  problem: string;
}

export interface Page {
  calls: Row[];
  next: string;
  total?: number;
}

export type Count = [value: string, calls: number];

export interface Status {
  store: string;
  /** Served to a team: nothing can be asked but to be shown. */
  published?: boolean;
  busy: boolean;
  done: number;
  to_do: number;
  /** Records read or removed since the console was started. */
  changes: number;
  finished_at: number | null;
  error: string;
  agent: Count[];
  end_reason: Count[];
  transfer: Count[];
  called: Count[];
  success: Count[];
  agent_version: Count[];
  tag: Count[];
  lookup: Count[];
  cause: [kind: string, sentence: string, calls: number][];
  days: [string | null, string | null];
  waiting: number;
  failover: number;
  unreadable: number;
}

export interface Figures {
  calls: number;
  minutes: number;
  handled: number;
  transferred: number;
  reached: number;
  failovers: number;
  failed: number;
  judged: number;
  successful: number;
  /** In the currency of `Money`, of the calls whose cost is known; null where none is. */
  cost: number | null;
  cost_unknown: number;
  answer_ms_p50: number | null;
  answer_ms_p95: number | null;
  first_audio_ms_p50: number | null;
  first_audio_ms_p95: number | null;
}

export interface Money {
  currency: string;
  /** Whether sums hold the share of functions and relay. */
  infrastructure: boolean;
}

export interface Cost {
  currency: string;
  total: number | null;
  known: number;
  parts: { name: string; amount: number | null; how: string }[];
}

export interface Overview {
  money: Money;
  first_day: string;
  last_day: string;
  now: Figures;
  before: Figures;
  hours: number[];
  weekdays: number[];
  groups: Record<
    "agent" | "called" | "end_reason" | "success" | "agent_version" | "tag" | "lookup",
    [value: string, calls: number, failed: number][]
  >;
  criteria: [name: string, judged: number, successful: number][];
  causes: [kind: string, sentence: string, calls: number][];
}

/** Figures of a number of days, and what leads to their calls. */
export interface Side extends Figures {
  days: number;
  filters: { first_day: string; last_day: string; agent_version?: string };
}

export type Series = Record<string, (number | null)[]>;

export interface Trends {
  days: string[];
  today: string;
  money: Money;
  agents: string[];
  figures: Record<string, Series>;
  transfers: Series;
  end_reasons: Series;
  causes: Series;
  failovers: Series;
  versions: Series;
  tags: Series;
  lookups: Series;
  criteria: Series;
  hours: number[];
  comparison: {
    sides: { before?: Side; after?: Side };
    versions: [version: string, day: string][];
  };
}

export interface TurnItem {
  kind: "turn";
  at_ms: number;
  speaker: string;
  length_ms: number;
  length_is_known: boolean;
  interrupted: boolean;
  answer_ms: number | null;
  heard: string;
  unheard: string;
  by: "vendor" | "estimate" | "";
}

export interface ToolItem {
  kind: "tool";
  at_ms: number;
  name: string;
  parameters: unknown;
  result: { text: string; is_error: boolean } | null;
}

export interface ToldItem {
  kind: "agent" | "transfer" | "recording" | "event";
  at_ms: number;
  text: string;
  tone: "" | "good" | "bad";
}

export type Item = TurnItem | ToolItem | ToldItem;

export interface Attempt {
  number: string;
  state: string;
  duration_s?: number | null;
}

export interface Transfer {
  state: string;
  target?: string | null;
  reason?: string | null;
  summary?: string | null;
  refusal?: string | null;
  attempts?: Attempt[];
}

export interface Spread {
  p50: number;
  p95: number;
}

export interface Loudness {
  who: string;
  level_db: number;
  gain_db: number;
  clipped: number;
  hint: string;
}

export interface Record_ {
  call_sid?: string;
  stream_sid?: string | null;
  conversation_id?: string | null;
  started_at?: string | null;
  duration_s?: number | null;
  from?: string | null;
  to?: string | null;
  agent?: { alias?: string | null; id?: string | null } | null;
  agents_version?: string | null;
  agents?: { alias?: string; id?: string; end_reason?: string; end_detail?: string }[];
  ended_by?: string | null;
  end_reason?: string | null;
  end_detail?: string | null;
  transfer?: Transfer | null;
  quality?: Record<string, number | Spread | null> | null;
  analysis?: {
    call_successful?: unknown;
    transcript_summary?: string;
    data_collection_results?: Record<string, { value?: unknown; rationale?: string } | null>;
    evaluation_criteria_results?: Record<string, { result?: unknown; rationale?: string } | null>;
  } | null;
  lookup?: { ms?: number; outcome?: string; problem?: string } | null;
  tags?: unknown[];
  sources?: string[];
  vendor_version?: string | null;
}

export interface Call {
  call_sid: string;
  problem: string;
  running: boolean;
  cause: { kind: string; sentence: string; advice: string } | null;
  failovers: string[];
  loudness: Loudness[];
  record: Record_;
  cost: Cost | null;
  timeline: Item[];
  raw: { key: string; folder: string; at: number | null; body: unknown }[];
}

export interface Sound {
  channels: number[][];
  duration_s?: number;
  offset_ms?: number;
  /** What there was of a recording that may go on. */
  so_far?: boolean;
  problem?: string;
}
