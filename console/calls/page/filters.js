// The form above list, overview and trends. It is made once: a change replaces the results, never the form, so that
// focus and what is half typed stay. What it is set to is the address.
import { byId, make, settled } from "../shared/dom.js";
import { named, visible } from "../shared/format.js";
import { changed, here, refiltered } from "./address.js";
import { causeName, endName, lookupName } from "./words.js";

const TYPING_MS = 250;
const OLDEST_YEAR = 2000; // a date that is being typed begins at year 0002
/** Filters without a control: a link sets them, and a button beside the form takes each away.
 * @type {Record<string, (value: string) => string>} */
const LINKED = {
  hour: (value) => `from ${value}:00 to ${value}:59`,
  criterion: (value) => `${named(value.slice(0, value.lastIndexOf("=")))}: ${value.slice(value.lastIndexOf("=") + 1)}`,
};

/** @typedef {import("./types").Status} Status */

export class Filters {
  #form = byId("filters", HTMLFormElement);
  #linked = byId("linked-filters");
  #onChange;

  /** @param {() => void} onChange when the address has got other filters */
  constructor(onChange) {
    this.#onChange = onChange;
    const soon = settled(() => this.#go(), TYPING_MS);
    this.#form.addEventListener("input", soon);
    this.#form.addEventListener("change", soon);
    this.#form.addEventListener("submit", (event) => {
      event.preventDefault();
      this.#go();
    });
    byId("reset").addEventListener("click", () => {
      for (const control of this.#controls()) control.value = control.name === "order" ? "newest" : "";
      this.#goTo(new URLSearchParams());
    });
    // On a phone the list is what counts: there the filters are folded, unless one is set.
    byId("more-filters", HTMLDetailsElement).open = matchMedia("(min-width: 861px)").matches || here().filters.size > 0;
  }

  /** What there is to choose, with counts. Options that stay are the same options, whatever has the focus.
   * @param {Status} status */
  update(status) {
    this.#options("agent", status.agent, (value) => value || "unknown");
    this.#options("end_reason", status.end_reason, endName);
    const transferred = status.transfer.reduce((sum, [state, count]) => sum + (state ? count : 0), 0);
    this.#options("transfer", [["any", transferred], ...status.transfer], (value) =>
      value === "any" ? "all transferred" : named(value) || "without",
    );
    this.#options("called", status.called, (value) => value || "unknown");
    this.#options("success", status.success, (value) => named(value) || "not judged");
    const versions = status.agent_version.filter(([version]) => version);
    this.#options("agent_version", versions.length > 1 ? status.agent_version : [], (value) => value || "not known");
    this.#options("tag", status.tag, (value) => visible(value));
    const lookups = status.lookup.filter(([outcome]) => outcome);
    this.#options("lookup", lookups.length ? status.lookup : [], (value) => lookupName(value) || "none");
    const failed = status.cause.reduce((sum, [, , count]) => sum + count, 0);
    /** @type {[string, number][]} */
    const causes = status.cause.map(([kind, , count]) => [kind, count]);
    const all = status.agent.reduce((sum, [, count]) => sum + count, 0);
    this.#options("cause", [["any", failed], ...causes, ["-", all - failed]], (kind) =>
      kind === "any" ? "all failures" : kind === "-" ? "did not fail" : causeName(kind),
    );
    this.#options("waiting", [["1", status.waiting]], () => "waiting for a human now");
    this.#options("failover", [["1", status.failover]], () => "another agent took over");
    this.#options("unreadable", [["1", status.unreadable]], () => "damaged");
  }

  /** Set the form to an address that came by a link, by Back, or at the start. What is being typed is left alone.
   * @param {URLSearchParams} filters @param {boolean} visible */
  show(filters, visible) {
    this.#form.hidden = !visible;
    this.#showLinked(filters);
    for (const control of this.#controls()) {
      const value = filters.get(control.name) ?? (control.name === "order" ? "newest" : "");
      if (control.value === value || (control === document.activeElement && control.type !== "select-one")) continue;
      if (control instanceof HTMLSelectElement && value) keepOption(control, value);
      control.value = value;
    }
  }

  #controls() {
    return /** @type {(HTMLInputElement | HTMLSelectElement)[]} */ (
      [...this.#form.elements].filter((one) => one instanceof HTMLInputElement || one instanceof HTMLSelectElement)
    );
  }

  #go() {
    const wanted = this.#controls()
      .filter((control) => control.validity.valid && !isHalfADate(control))
      .map((control) => [control.name, control.value.trim()])
      .filter(([, value]) => value && value !== "newest");
    const kept = new URLSearchParams(/** @type {string[][]} */ (wanted));
    for (const name of Object.keys(LINKED)) {
      const value = here().filters.get(name);
      if (value) kept.set(name, value);
    }
    this.#goTo(kept);
  }

  /** @param {URLSearchParams} filters */
  #goTo(filters) {
    const address = here();
    const hash = refiltered(address, filters);
    if (hash === refiltered(address, address.filters)) return;
    // Each letter of a search would be a step for Back: a search that goes on replaces its own step.
    const typing = document.activeElement instanceof HTMLInputElement && document.activeElement.type === "search";
    if (typing && address.filters.get("text")) history.replaceState(history.state, "", hash);
    else history.pushState(null, "", hash);
    this.#onChange();
  }

  /** @param {URLSearchParams} filters */
  #showLinked(filters) {
    const shown = Object.entries(LINKED).flatMap(([name, word]) => {
      const value = filters.get(name);
      if (!value) return [];
      const onclick = () => {
        this.#goTo(changed(here().filters, { [name]: "" }));
        this.#form.querySelector("input")?.focus();
      };
      return [make("button", { type: "button", class: "tag", onclick }, `Only ${word(value)} ✕`)];
    });
    this.#linked.replaceChildren(...shown);
    this.#linked.hidden = !shown.length;
  }

  /** @param {string} name @param {[string, number][]} counts @param {(value: string) => string} word */
  #options(name, counts, word) {
    const select = /** @type {HTMLSelectElement} */ (this.#form.elements.namedItem(name));
    const known = new Map([...select.options].map((option) => [option.value, option]));
    for (const [value, count] of counts) {
      const key = value || "-";
      const label = `${word(value)} (${count})`;
      const option = known.get(key);
      if (option) {
        if (option.textContent !== label) option.textContent = label;
        known.delete(key);
      } else select.append(make("option", { value: key }, label));
    }
    for (const [value, option] of known) if (value && value !== select.value) option.remove();
    const label = select.closest("label");
    if (label?.dataset.optional !== undefined) label.hidden = !counts.some(([, count]) => count) && !select.value;
  }
}

/** @param {HTMLInputElement | HTMLSelectElement} control */
export function isHalfADate(control) {
  return control.type === "date" && control.value !== "" && Number(control.value.slice(0, 4)) < OLDEST_YEAR;
}

/** From a bookmark: what there is no call of any more. @param {HTMLSelectElement} select @param {string} value */
function keepOption(select, value) {
  if (![...select.options].some((option) => option.value === value)) {
    select.append(make("option", { value }, `${named(value)} (0)`));
  }
}
