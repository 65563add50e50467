// Numbers, times and counts as people read them, in the browser's language; times in the zone that was chosen.

export const whole = new Intl.NumberFormat(undefined, { maximumFractionDigits: 0 });
const plural = new Intl.PluralRules("en");
const ZONE = "console-time-zone";
export const HERE = Intl.DateTimeFormat().resolvedOptions().timeZone;

/** @returns {string} the time zone that times are told in */
export function zone() {
  return localStorage.getItem(ZONE) || HERE;
}

/** @param {string} name */
export function setZone(name) {
  if (name === HERE) localStorage.removeItem(ZONE);
  else localStorage.setItem(ZONE, name);
  formats = made();
}

function made() {
  const timeZone = zone();
  /** @param {Intl.DateTimeFormatOptions} options */
  const format = (options) => new Intl.DateTimeFormat(undefined, { ...options, timeZone });
  return {
    moment: format({ day: "2-digit", month: "short", hour: "2-digit", minute: "2-digit" }),
    full: format({
      weekday: "long",
      day: "numeric",
      month: "long",
      year: "numeric",
      hour: "2-digit",
      minute: "2-digit",
      second: "2-digit",
      timeZoneName: "short",
    }),
    time: format({ hour: "2-digit", minute: "2-digit", second: "2-digit" }),
  };
}
let formats = made();
const dayOnly = new Intl.DateTimeFormat(undefined, { day: "numeric", month: "short" });

/** @param {number} unix seconds, 0 when not known */
export const when = (unix) => (unix ? formats.moment.format(unix * 1000) : "time unknown");
/** @param {number} unix seconds */
export const timeOfDay = (unix) => formats.time.format(unix * 1000);
/** @param {string | null | undefined} text RFC 3339 */
export function whenInFull(text) {
  const at = Date.parse(text ?? "");
  return Number.isNaN(at) ? "time unknown" : formats.full.format(at);
}
/** @param {string} day 2026-11-23 */
export const shortDay = (day) => dayOnly.format(new Date(`${day}T00:00`));

/** @param {number} count @param {string} one @param {string} [many] "1 call", "1,000 calls" */
export function counted(count, one, many = `${one}s`) {
  return `${whole.format(count)} ${plural.select(count) === "one" ? one : many}`;
}

/** Seconds as 1:05 or 1:02:03. @param {number} seconds */
export function clock(seconds) {
  const all = Math.max(0, Math.floor(seconds));
  const rest = String(all % 60).padStart(2, "0");
  const [hours, minutes] = [Math.floor(all / 3600), Math.floor(all / 60) % 60];
  return hours ? `${hours}:${String(minutes).padStart(2, "0")}:${rest}` : `${minutes}:${rest}`;
}

/** @param {number} ms */
export const milliseconds = (ms) =>
  ms < 10_000 ? `${whole.format(Math.round(ms))} ms` : `${(ms / 1000).toFixed(1)} s`;

/** A value of the product's as words: `no_answer`, no answer. @param {unknown} value */
export const named = (value) => String(value ?? "").replaceAll("_", " ");

// Marks that turn the direction of what follows: in somebody's words they are shown, not obeyed.
const TURNS = /[\u200e\u200f\u061c\u202a-\u202e\u2066-\u2069]/g;
/** @param {unknown} text @returns {string} what people wrote or said, with its marks of direction visible */
export const visible = (text) =>
  String(text ?? "").replace(TURNS, (mark) => `[U+${mark.charCodeAt(0).toString(16).toUpperCase().padStart(4, "0")}]`);
