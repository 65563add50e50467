// The list of calls.
import { ask, make } from "./dom.js";
import { chosen, filters } from "./filters.js";
import { clock, ENDS, endClass, milliseconds, named, transferClass, when, whole } from "./words.js";

const HEADS = ["When", "Caller", "Agent", "About", "Length", "Ended", "Transfer", "To note"];

export async function showList(main, parameters, status) {
  document.title = "Calls";
  const query = chosen(parameters);
  const found = await ask(`calls?${query}`);
  const body = make("tbody", { role: "rowgroup" }, found.calls.map(row));
  const table = make(
    "table",
    { role: "table" },
    make("caption", { class: "visually-hidden" }, "Calls"),
    make("thead", { role: "rowgroup" }, make("tr", { role: "row" }, HEADS.map((head) => make("th", { role: "columnheader", scope: "col" }, head)))),
    body,
  );
  const more = make("button", { type: "button", class: "more", hidden: !found.next }, "Show more");
  let next = found.next;
  more.onclick = async () => {
    const page = await ask(`calls?${new URLSearchParams([...query, ["cursor", next]])}`);
    const rows = page.calls.map(row);
    body.append(...rows);
    next = page.next;
    more.hidden = !next;
    rows[0]?.querySelector("a").focus({ preventScroll: true });
  };
  const links = ["jsonl", "csv"].map((kind) => make("a", { class: "button", href: `api/export.${kind}?${query}`, download: true }, kind.toUpperCase()));
  main.replaceChildren(
    filters("calls", parameters, status, ["text", "first_day", "last_day", "agent", "end_reason", "transfer", "min_s", "unreadable", "order"]),
    make("div", { class: "found" }, make("p", { role: "status" }, found.total === 1 ? "1 call" : `${whole.format(found.total)} calls`), make("p", { class: "links faint" }, "Export with numbers masked:", links)),
    found.calls.length ? make("div", { class: "card list" }, table) : nothing(query, status),
    more,
  );
}

function row(call) {
  const cell = (className, ...content) => make("td", { role: "cell", class: className }, content);
  const notes = [
    call.interruptions ? `${call.interruptions} interrupted` : "",
    call.gaps ? `${call.gaps} ${call.gaps === 1 ? "hole" : "holes"}` : "",
    call.first_audio_ms > 1500 ? `first words after ${milliseconds(call.first_audio_ms)}` : "",
  ];
  return make(
    "tr",
    { role: "row" },
    cell("when", make("a", { href: `#/calls/${call.call_sid}` }, when(call.started))),
    cell("caller", call.problem ? "" : call.caller),
    cell("agent", call.agent),
    cell(call.problem ? "about damaged" : "about", call.problem || call.title),
    cell("number", call.duration_s ? clock(call.duration_s) : ""),
    cell("end", call.problem ? "" : make("span", { class: endClass(call.end_reason) }, ENDS[call.end_reason] ?? named(call.end_reason))),
    cell("transfer", call.transfer ? make("span", { class: transferClass(call.transfer) }, named(call.transfer)) : ""),
    cell("notes faint", notes.filter(Boolean).join(", ")),
  );
}

function nothing(query, status) {
  const sentence = query.size ? "No call matches these filters." : status.busy ? "The first calls are being read…" : "There are no calls in this store yet. A first one: make softphone, or make demo.";
  return make("p", { class: "card" }, sentence);
}
