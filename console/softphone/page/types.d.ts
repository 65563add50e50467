// What the console tells the page (console/softphone/messages.py, app.py).

export interface Levels {
  at_ms: number;
  caller_db: number;
  agent_db: number;
  caller_speaks: boolean;
  agent_speaks: boolean;
  waiting_ms: number;
  gaps: number;
  lost: number;
  late: number;
}

export interface Ended {
  at_ms: number;
  sentence: string;
  advice: string;
  by: "caller" | "bot" | "dropped";
  trouble: boolean;
  wav: string;
  kept: string;
  violations: string[];
}

export type Message =
  | { is: "hello"; address: string; at_home: boolean; rate_hz: number }
  | { is: "ringing" }
  | { is: "connected"; call_sid: string }
  | ({ is: "levels" } & Levels)
  | { is: "first_audio"; at_ms: number }
  | { is: "barge_in"; at_ms: number; kept_ms: number; clear_ms: number | null }
  | { is: "clear"; at_ms: number; dropped_ms: number }
  | { is: "mark"; at_ms: number; name: string }
  | { is: "echo"; at_ms: number; name: string; cleared: boolean }
  | { is: "caption"; at_ms: number; who: "agent" | "caller" | "keys" | "tool" | "unanswered"; text: string }
  | { is: "refused"; sentence: string }
  | { is: "problem"; sentence: string }
  | ({ is: "ended" } & Ended);
