// What of a prompt pushed its score: bars to the strong side or the weak one, and the same as a table.

import { details, table } from "../../components.js";
import { element } from "../../dom.js";
import * as format from "../../format.js";
import { PARTS, partName } from "../../words.js";

// Below this share of the largest, a part is told of in the table alone.
const SMALL = 0.02;

export function reasons({ reasons: found, why_no_reasons: whyNone, answered_first: first }) {
  return [...bars(found, whyNone), first ? element("p", {}, element("a", { href: `#/requests/${encodeURIComponent(first)}` }, "The request that was answered first")) : null];
}

function bars(found, whyNone) {
  if (found === null) return [element("p", { class: "note" }, whyNone)];
  const parts = Object.entries(found.contributions).sort(([, a], [, b]) => Math.abs(b) - Math.abs(a));
  const largest = Math.abs(parts[0]?.[1] ?? 0) || 1;
  return [
    element("p", { class: "note" }, "Bars to the right speak for the strong model, bars to the left for the weak one, as far as they move the score."),
    element("div", { class: "pushes", "aria-hidden": "true" }, parts.filter(([, value]) => Math.abs(value) >= SMALL * largest).map(([part, value]) => push(part, value, largest))),
    details("As a table", table({
      caption: "What pushed the score",
      rows: parts,
      columns: [
        { label: "Part", head: true, cell: ([part]) => partName(part) },
        { label: "What it looks at", cell: ([part]) => PARTS[part]?.[1] ?? "" },
        { label: "Speaks for", cell: ([, value]) => (value === 0 ? "neither" : value > 0 ? "strong" : "weak") },
        { label: "Moves the score by", number: true, cell: ([, value]) => format.signed(value, 3) },
      ],
    }).root),
    element("p", { class: "note" }, `Score ${format.signed(found.score, 3)}, before it was calibrated to a win rate.`),
  ];
}

function push(part, value, largest) {
  const bar = element("span", { class: value > 0 ? "bar strong" : "bar weak" });
  bar.style.width = `${(50 * Math.abs(value)) / largest}%`;
  if (value > 0) bar.style.left = "50%";
  else bar.style.right = "50%";
  return element("div", { class: "push" },
    element("span", { class: "part-name" }, partName(part), element("span", { class: "note" }, PARTS[part]?.[1] ?? "")),
    element("span", { class: "track" }, bar),
    element("span", { class: "amount" }, format.signed(value)));
}
