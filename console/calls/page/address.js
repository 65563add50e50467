// What the page shows is its address: #/VIEW?filters, #/calls/CALL_SID?t=83. Back, bookmarks and restarts keep it.

/** As console/calls/search.py has them, and the list's order: whatever is not here is no filter. */
export const FIELDS = [
  "text",
  "first_day",
  "last_day",
  "agent",
  "end_reason",
  "transfer",
  "cause",
  "called",
  "success",
  "agent_version",
  "criterion",
  "tag",
  "lookup",
  "hour",
  "min_s",
  "max_s",
  "waiting",
  "failover",
  "unreadable",
  "order",
];
/** What the trends compare: a part of their address, and no filter. */
const COMPARED = ["pivot", "pivot_version"];
/** @typedef {{view: string, callSid: string, filters: URLSearchParams, parameters: URLSearchParams}} Address */

/** @returns {Address} */
export function here() {
  const [path = "", query = ""] = location.hash.slice(1).split("?");
  const [, view = "", callSid = ""] = path.split("/");
  const parameters = new URLSearchParams(query);
  return { view: view || "overview", callSid: decodeURIComponent(callSid), filters: chosen(parameters), parameters };
}

/** Only what the console knows as a filter. @param {URLSearchParams} parameters */
export function chosen(parameters) {
  return new URLSearchParams(
    FIELDS.flatMap((name) => {
      const value = parameters.get(name);
      return value ? [[name, value]] : [];
    }),
  );
}

/** The address with other filters: what is compared stays. @param {Address} address @param {URLSearchParams} filters */
export function refiltered({ view, parameters }, filters) {
  const compared = COMPARED.map((name) => [name, parameters.get(name) ?? ""]).filter(([, value]) => value);
  return hashOf(view, new URLSearchParams([...chosen(filters), ...compared]));
}

/** @param {string} view @param {URLSearchParams | Record<string, string>} [filters] */
export function hashOf(view, filters = {}) {
  const query = new URLSearchParams(filters);
  return `#/${view}${query.size ? `?${query}` : ""}`;
}

/** Filters with some of them changed; an empty value takes one away. @param {URLSearchParams} filters
 * @param {Record<string, string>} changes */
export function changed(filters, changes) {
  const result = new URLSearchParams(filters);
  for (const [name, value] of Object.entries(changes)) {
    if (value) result.set(name, value);
    else result.delete(name);
  }
  return result;
}
