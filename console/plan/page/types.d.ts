// What the console answers (console/plan/planning.py).

export interface Cloud {
  name: string;
  relays: number;
  always: number;
  usd_a_month: number;
  infrastructure_usd_a_month: number;
  with_minutes: boolean;
  usd_a_minute: number | null;
  parts: Record<string, number>;
  advice: string[];
}

export interface Plan {
  calls_a_month: number;
  call_minutes: number;
  calls: number;
  minutes: number;
  agent_sessions: number;
  clouds: Record<string, Cloud>;
  assumptions: string[];
}
