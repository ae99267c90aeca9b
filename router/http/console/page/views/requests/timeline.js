// Where a request's time went: a bar of its steps, and the same as a table.

import { details, table } from "../../components.js";
import { element } from "../../dom.js";
import * as format from "../../format.js";
import { STEPS } from "../../words.js";

export function timeline(steps) {
  const timed = steps.filter((step) => step.at_ms !== null);
  return [
    timed.length > 1 ? element("div", { class: "timeline", "aria-hidden": "true" },
      element("div", { class: "bar" }, timed.slice(1).map((step, at) => piece(step, timed[at], shade(at, timed.length)))),
      element("ol", {}, timed.slice(1).map((step, at) => element("li", {}, swatch(shade(at, timed.length)), `${name(step)} `, element("b", {}, format.ms(step.at_ms)))))) : null,
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

// Later steps are darker: they follow one another, and are no kinds.
const shade = (at, all) => `${Math.round(25 + (75 * at) / Math.max(1, all - 2))}%`;

function swatch(part) {
  const made = element("span", { class: "swatch" });
  made.style.setProperty("--part", part);
  return made;
}

// From the step before to this one; what is too short to see still has a line. In microseconds: what grows by less than 1 in all
// leaves a part of the bar empty.
function piece(step, before, part) {
  const made = swatch(part);
  made.style.flexGrow = String(Math.max(1000 * (step.at_ms - before.at_ms), 1));
  return made;
}
