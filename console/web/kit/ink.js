// Colours of the style sheet as a canvas takes them: light-dark() and color-mix() are not known there.

/** @param {Element} element whose style counts @param {Record<string, string>} wanted name to CSS colour */
export function inks(element, wanted) {
  const probe = document.createElement("span");
  element.after(probe);
  const found = {};
  for (const [name, colour] of Object.entries(wanted)) {
    probe.style.color = colour;
    found[name] = getComputedStyle(probe).color;
  }
  probe.remove();
  return found;
}
