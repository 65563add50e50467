// Colours of the style sheet as a canvas takes them: light-dark() and color-mix() are not known there.

/**
 * @template {string} Name
 * @param {Element} element whose style counts
 * @param {Record<Name, string>} wanted name to CSS colour
 * @returns {Record<Name, string>}
 */
export function inks(element, wanted) {
  const probe = document.createElement("span");
  element.after(probe);
  const found = /** @type {Record<Name, string>} */ ({});
  for (const name of /** @type {Name[]} */ (Object.keys(wanted))) {
    probe.style.color = wanted[name];
    found[name] = getComputedStyle(probe).color;
  }
  probe.remove();
  return found;
}
