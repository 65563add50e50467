// Asking the console. What is wrong is thrown as its sentence.

export class ConsoleError extends Error {
  /** @param {string} message @param {boolean} gone whether nobody answered at all */
  constructor(message, gone = false) {
    super(message);
    this.gone = gone;
  }
}

/**
 * @param {string} path below `api/`
 * @param {RequestInit} [options]
 * @returns {Promise<any>}
 */
export async function ask(path, options) {
  let response;
  try {
    response = await fetch(`api/${path}`, options);
  } catch (error) {
    if (error instanceof DOMException && error.name === "AbortError") throw error;
    throw new ConsoleError("The console does not answer. Is it running? This page continues when it is back.", true);
  }
  if (!response.ok) throw new ConsoleError(await response.text());
  return response.json();
}

const LOADING_AFTER_MS = 200;

/**
 * Mark `element` as busy while `work` runs, if that takes longer than a blink.
 * @template Result
 * @param {Element} element
 * @param {Promise<Result>} work
 * @returns {Promise<Result>}
 */
export async function shownWhile(element, work) {
  const timer = setTimeout(() => element.setAttribute("aria-busy", "true"), LOADING_AFTER_MS);
  try {
    return await work;
  } finally {
    clearTimeout(timer);
    element.removeAttribute("aria-busy");
  }
}
