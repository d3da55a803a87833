"""What keeps people from reading or using a page, as far as a program can see it.

The rules are WCAG 2.2's: 1.1.1 and 4.1.2 (everything has a name), 1.3.1 (landmarks, headings),
1.4.3 (contrast 4.5:1), 1.4.10 (no sideways scrolling), 2.5.8 (targets of 24 pixels).
"""

from playwright.sync_api import Page

LOOK = """() => {
  const faults = [];
  const seen = e => e.getClientRects().length > 0 && getComputedStyle(e).visibility !== "hidden";
  const all = q => [...document.querySelectorAll(q)].filter(seen);
  const says = e => (e.getAttribute("aria-label") || e.innerText || "").trim();
  const tell = (what, e) => faults.push(`${what}: ${e.outerHTML.slice(0, 90)}`);

  if (!document.documentElement.lang) faults.push("the page names no language");
  if (!document.title) faults.push("the page has no title");
  for (const q of ["main", "header", "nav", "h1"])
    if (all(q).length !== 1) faults.push(`${all(q).length} of ${q}`);
  for (const e of all("a, button")) if (!says(e)) tell("no name", e);
  for (const e of all("input:not([type=hidden]), select, textarea"))
    if (!e.labels.length) tell("no label", e);
  for (const e of all("table")) if (!e.querySelector("th[scope]")) tell("no header cells", e);
  const ids = [...document.querySelectorAll("[id]")].map(e => e.id);
  for (const id of ids.filter((id, at) => ids.indexOf(id) !== at)) faults.push(`id ${id} twice`);
  for (const e of all("[aria-labelledby]"))
    if (!document.getElementById(e.getAttribute("aria-labelledby"))) tell("labelled by nothing", e);
  let level = 1;
  for (const e of all("h1, h2, h3")) {
    if (+e.tagName[1] > level + 1) tell("a heading's level is left out", e);
    level = +e.tagName[1];
  }
  for (const e of all("button, input:not([type=hidden])")) {
    const box = e.getBoundingClientRect();
    if (box.width < 24 || box.height < 24) tell("too small a target", e);
  }
  if (document.documentElement.scrollWidth > innerWidth) faults.push("it scrolls sideways");

  const rgb = text => (text.match(/[\\d.]+/g) || []).map(Number);
  const light = ([r, g, b]) => [r, g, b]
    .map(v => v / 255).map(v => v <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4)
    .reduce((sum, v, at) => sum + v * [0.2126, 0.7152, 0.0722][at], 0);
  const behind = e => {
    for (; e; e = e.parentElement) {
      const colour = rgb(getComputedStyle(e).backgroundColor);
      if (colour.length === 3 || colour[3] === 1) return colour;
    }
    return [255, 255, 255];
  };
  for (const e of all("body *")) {
    if (![...e.childNodes].some(n => n.nodeType === 3 && n.textContent.trim())) continue;
    const [a, b] = [light(rgb(getComputedStyle(e).color)), light(behind(e))];
    const contrast = (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05);
    if (contrast < 4.5) tell(`contrast ${contrast.toFixed(1)}`, e);
  }
  return faults;
}"""


def faults(page: Page) -> list[str]:
    """Each as a sentence with the element it is about; none for a page that will do."""
    found: list[str] = page.evaluate(LOOK)
    return found
