// What the console answers (console/live/app.py).

export interface Row {
  call_sid: string;
  stream_sid: string;
  from: string;
  to: string;
  over: string;
  agent: string;
  vendor: string;
  relay: string;
  started: number;
  heard: number;
  tells: boolean;
  silent: boolean;
  last: { speaker: string; text: string } | null;
  answer_ms: number | null;
  waiting: { since: number; target: string; state: string } | null;
}

export interface Listing {
  store: string;
  by: string;
  acts: boolean;
  now: number;
  calls: Row[];
}

export interface Words {
  index: number;
  speaker: string;
  text: string;
  at: number | null;
  interrupted: boolean;
  heard_ms: number | null;
}

export interface Wanted {
  id: string;
  do: string;
  by: string;
  outcome: string;
  detail: string;
  about: string;
}

export interface Gone {
  gone: true;
}

export interface Call extends Row {
  gone?: undefined;
  now: number;
  words: Words[];
  agents: { alias?: string }[];
  tools: { name?: string; status?: string }[];
  commands: Wanted[];
  state: {
    interruptions?: number;
    ambience?: { enabled: boolean; volume: number } | null;
    choices?: { agents?: string[]; announcements?: string[] };
  };
}
