// What can be done to a call: a form each, and a question before anything is done.
import { ask } from "../shared/ask.js";
import { byId } from "../shared/dom.js";

/**
 * By the name of the action: how it is called in a list, and what is asked before it is done.
 * @type {Record<string, {title: string, question: (what: Record<string, any>, caller: string) => string}>}
 */
export const ACTS = {
  note: {
    title: "tell the agent something",
    question: (what, caller) =>
      `Tell the agent of ${caller}: “${what.text}”${what.reply ? " It answers at once." : ""}`,
  },
  transfer: {
    title: "hand over to a human",
    question: (what, caller) =>
      `Hand ${caller} over to ${what.target || "the first of your targets"}? The agent says goodbye.`,
  },
  agent: {
    title: "another agent",
    question: (what, caller) => `Give ${caller} to the agent ${what.agent} now? The present one stops in mid-sentence.`,
  },
  say: {
    title: "play an announcement",
    question: (what, caller) => `Play “${what.announcement}” to ${caller}?`,
  },
  ambience: {
    title: "change the background sound",
    question: (what, caller) =>
      what.enabled
        ? `Set the background sound of ${caller} to ${Math.round(what.volume * 100)} %?`
        : `Silence the background sound of ${caller}?`,
  },
  end: {
    title: "end the call",
    question: (_, caller) => `End the call of ${caller} now? Nothing more is said to the caller.`,
  },
};

/**
 * @param {() => {address: string, caller: string} | null} current the call that is shown
 * @param {() => void} sent @param {(problem: unknown) => void} failed
 */
export function listen(current, sent, failed) {
  for (const form of document.querySelectorAll("form[data-do]")) {
    if (!(form instanceof HTMLFormElement)) continue;
    form.addEventListener("submit", async (event) => {
      event.preventDefault();
      const call = current();
      const name = form.dataset.do ?? "";
      const what = read(form);
      if (!call || !(await agreed(ACTS[name]?.question(what, call.caller) ?? name))) return;
      try {
        const body = JSON.stringify({ do: name, what });
        await ask(`calls/${call.address}/commands`, { method: "POST", body });
        form.reset();
        const details = form.closest("details");
        if (details) {
          details.open = false;
          details.querySelector("summary")?.focus();
        }
        sent();
      } catch (problem) {
        failed(problem);
      }
    });
  }
}

/** @param {HTMLFormElement} form @returns {Record<string, any>} */
function read(form) {
  /** @type {Record<string, any>} */
  const what = {};
  for (const field of form.elements) {
    if (field instanceof HTMLInputElement && field.type === "checkbox") what[field.name] = field.checked;
    else if (field instanceof HTMLInputElement && field.type === "range") what[field.name] = Number(field.value);
    else if (
      field instanceof HTMLInputElement ||
      field instanceof HTMLSelectElement ||
      field instanceof HTMLTextAreaElement
    )
      what[field.name] = field.value;
  }
  return what;
}

/** @param {string} question @returns {Promise<boolean>} */
function agreed(question) {
  const dialog = byId("confirm", HTMLDialogElement);
  byId("confirm-text").textContent = question;
  dialog.returnValue = "no";
  dialog.showModal();
  return new Promise((resolve) => {
    dialog.addEventListener("close", () => resolve(dialog.returnValue === "yes"), { once: true });
  });
}
