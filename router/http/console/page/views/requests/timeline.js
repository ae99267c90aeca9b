// Where a request's time went: a bar of its steps, and the same as a table.

import { details, table } from "../../components.js";
import { element } from "../../dom.js";
import * as format from "../../format.js";
import { STEPS } from "../../words.js";

export function timeline(steps) {
  if (!steps.length) return [element("p", { class: "note" }, "Nothing is known of its steps.")];
  const end = Math.max(...steps.map((step) => step.at_ms), 0.001);
  return [
    element("div", { class: "timeline", "aria-hidden": "true" },
      element("div", { class: "bar" }, pieces(steps, end)),
      element("ol", {}, steps.map((step) => element("li", {}, element("span", { class: `swatch s${steps.indexOf(step) % 5}` }), `${name(step)} `, element("b", {}, format.ms(step.at_ms)))))),
    details("As a table", table({
      caption: "Steps since the request arrived",
      rows: steps,
      columns: [
        { label: "Step", head: true, cell: name },
        { label: "At", number: true, cell: (step) => format.ms(step.at_ms) },
        { label: "Took", number: true, cell: (step) => format.ms(step.took_ms) },
      ],
    }).root),
  ];
}

const name = (step) => STEPS[step.step] ?? step.step;

// From each step to the next; what is too short to see still has a line.
function pieces(steps, end) {
  const sorted = [...steps].sort((a, b) => a.at_ms - b.at_ms);
  return sorted.slice(1).map((step, at) => {
    const piece = element("span", { class: `s${steps.indexOf(step) % 5}` });
    piece.style.flexGrow = String((step.at_ms - sorted[at].at_ms) / end);
    return piece;
  });
}
