// Numbers and names as people read them.

export const ENDS = {
  agent_ended: "agent said goodbye", caller_hung_up: "caller hung up", transferred: "handed over", agent_failed: "agent failed", line_lost: "line lost",
  line_stalled: "line stalled", unknown_agent: "unknown agent", unsupported_format: "unknown format", time_limit: "time limit", shutdown: "relay shut down",
  replaced: "stream replaced", relay_lost: "relay lost", "": "unknown",
};
const BAD_ENDS = new Set(["agent_failed", "line_lost", "line_stalled", "unknown_agent", "unsupported_format", "shutdown", "relay_lost"]);
const TRANSFERS = { answered: "good", busy: "bad", no_answer: "bad", failed: "bad", none: "bad", requested: "warn", fetched: "warn", ringing: "warn" };

export const endClass = (reason) => (BAD_ENDS.has(reason) ? "tag bad" : "tag");
export const transferClass = (state) => `tag ${TRANSFERS[state] ?? ""}`;
export const named = (value) => value.replaceAll("_", " ");
export const whole = new Intl.NumberFormat();

const moment = new Intl.DateTimeFormat(undefined, { day: "2-digit", month: "short", hour: "2-digit", minute: "2-digit" });
const full = new Intl.DateTimeFormat(undefined, { dateStyle: "full", timeStyle: "medium" });
export const when = (unix) => (unix ? moment.format(unix * 1000) : "time unknown");
export const whenInFull = (text) => (Number.isNaN(Date.parse(text)) ? "time unknown" : full.format(Date.parse(text)));

/** Seconds as 1:05 or 1:02:03. */
export function clock(seconds) {
  const all = Math.max(0, Math.floor(seconds));
  const [hours, minutes, rest] = [Math.floor(all / 3600), Math.floor(all / 60) % 60, String(all % 60).padStart(2, "0")];
  return hours ? `${hours}:${String(minutes).padStart(2, "0")}:${rest}` : `${minutes}:${rest}`;
}

export const milliseconds = (ms) => (ms < 10_000 ? `${whole.format(Math.round(ms))} ms` : `${(ms / 1000).toFixed(1)} s`);
