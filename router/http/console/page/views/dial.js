// The dial: what quality a threshold gives and what it costs, measured and on one's own last requests; move it, apply it.

import { button, card, confirm, details, field, figure, problem, select, table } from "../components.js";
import { available } from "../charts.js";
import { element, replace } from "../dom.js";
import { count, moment, rate, share, usd } from "../format.js";
import { LEFT_OUT } from "../words.js";
import { dialChart } from "./dial/chart.js";
import { at, curveOf, ownOf, quality, range, sentence, span } from "./dial/curve.js";

const LAST = [100, 1000, 5000, 20_000];
const STEP = 0.001;
const ROWS = 25;

export const view = {
  mount(root, context) {
    const body = element("div", { class: "dial-body", "aria-busy": "true" }, element("p", { class: "note" }, "Reading the last requests …"));
    const last = select(LAST.map((n) => [String(n), `Last ${count(n)} requests`]), { value: "1000", "aria-label": "How many requests" });
    context.head.append(element("div", { class: "dial-last" }, last));
    root.append(body);
    let shown = null;
    let turn = 0;
    const load = async () => {
      const own = ++turn;
      body.setAttribute("aria-busy", "true");
      try {
        const dial = await context.api.get("dial", { last: last.value });
        if (own !== turn) return;
        const kept = shown?.chosen();
        shown?.end();
        shown = drawn(body, dial, { ...context, last: () => last.value, again: load }, kept);
      } catch (error) {
        if (own !== turn) return;
        if (error.status === 401) context.refuse(error);
        else replace(body, problem(error));
      }
      body.setAttribute("aria-busy", "false");
    };
    last.addEventListener("change", load);
    load();
    return () => { turn += 1; shown?.end(); };
  },
};

// Draws all of it for what the server measured; `kept` is the threshold that was chosen before, if any.
function drawn(body, dial, context, kept) {
  const state = { dial, curve: curveOf(dial), own: ownOf(dial), chosen: kept ?? dial.threshold, axis: "threshold", chart: null };
  state.span = span(state.curve, state.own);
  const parts = { figures: figures(), said: element("p", { class: "dial-said" }), canvas: element("div", { class: "dial-canvas" }) };
  const controls = controlsOf(state, (threshold) => choose(threshold));
  const apply = applying(state, context);
  const rows = figuresTable(state);
  const key = legend(state);

  function choose(threshold) {
    state.chosen = Math.min(1, Math.max(0, threshold));
    update();
  }
  function update() {
    parts.figures.update(state);
    parts.said.textContent = saying(state);
    controls.update();
    apply.update();
    state.chart?.redraw();
  }
  function redraw() {
    key.update();
    state.chart?.destroy();
    state.chart = dialChart(parts.canvas, {
      axis: state.axis, curve: state.curve, own: state.own, span: state.span, points: dial.points, inUse: dial.threshold, chosen: () => state.chosen,
    }, choose);
  }
  replace(body,
    parts.figures.root,
    card("Cost and quality", { wide: true, actions: axisButtons(state, redraw) },
      parts.said,
      element("div", { role: "img", class: "drawing", hidden: !available(), "aria-label": "Quality at each threshold; the figures are in the table below." },
        parts.canvas),
      key.root,
      controls.root,
      apply.root,
      rows),
    element("p", { class: "note" }, notes(state)),
  );
  update();
  redraw();
  const dark = matchMedia("(prefers-color-scheme: dark)");
  dark.addEventListener("change", redraw);
  return { chosen: () => state.chosen, end: () => { dark.removeEventListener("change", redraw); state.chart?.destroy(); } };
}

function figures() {
  const made = {
    threshold: figure("Threshold"), share: figure("To the strong model"), quality: figure("Of the quality gap"), cost: figure("Would have cost"),
    saved: figure("Instead of all-strong"), actual: figure("As it was answered"),
  };
  return {
    root: element("div", { class: "figures" }, Object.values(made).map((each) => each.root)),
    update({ dial, own, curve, chosen }) {
      const here = at(own ?? curve, chosen);
      made.threshold.set(rate(chosen, 4), same(chosen, dial.threshold) ? "in use" : `in use is ${rate(dial.threshold, 4)}`);
      made.share.set(share(here.strong_share), own ? "of your requests" : "of the artifact's prompts");
      made.quality.set(share(here.quality),
        own && here.quality_low !== null ? `${share(here.quality_low)} to ${share(here.quality_high)}` : "measured with the artifact");
      made.cost.set(own ? usd(here.cost_usd) : "–", own ? range(here.cost_low_usd, here.cost_high_usd, usd) : "no requests yet");
      const all = own && dial.own.all_strong_usd !== null ? Number(dial.own.all_strong_usd) : null;
      const less = all && here.cost_usd !== null ? 1 - here.cost_usd / all : null;
      made.saved.set(less === null ? "–" : `${share(Math.abs(less))} ${less < 0 ? "more" : "less"}`,
        all === null ? "" : `which is ${usd(all)} (${range(own.cost_low_usd[0], own.cost_high_usd[0], usd)})`);
      const actual = dial.own?.actual;
      made.actual.set(usd(actual?.cost_usd), actual ? `${share(actual.strong_share)} strong, ${share(actual.quality)} of the gap` : "");
    },
  };
}

function saying({ dial, own, curve, chosen }) {
  if (own) return sentence(dial, own, chosen);
  const here = at(curve, chosen);
  return `On the prompts that the artifact was measured with, ${share(here.strong_share)} `
    + `would go to the strong model, for ${share(here.quality)} of the quality gap.`;
}

// The slider, the number and the named points: three ways to say the same threshold.
function controlsOf(state, choose) {
  const [low, high] = state.span;
  const slider = element("input", { type: "range", min: low, max: high, step: STEP });
  const number = element("input", { type: "number", min: 0, max: 1, step: STEP, inputmode: "decimal" });
  slider.addEventListener("input", () => choose(Number(slider.value)));
  const exact = field("As a number", number);
  number.addEventListener("change", () => {
    const given = number.valueAsNumber;
    if (given >= 0 && given <= 1) choose(given);
    else exact.wrong("A threshold is a number from 0 to 1.");
  });
  const points = Object.entries(state.dial.points).map(([name, point]) => [name, point.threshold]).sort((a, b) => a[1] - b[1]);
  const named = [["always strong", 0], ...points, ["always weak", 1], ["in use", state.dial.threshold]];
  const buttons = named.map(([name, threshold]) => [threshold, button(`${name} ${rate(threshold)}`, () => choose(threshold), { kind: "small" })]);
  return {
    root: element("div", { class: "dial-controls" },
      field("Threshold: from this win rate on, the strong model answers", slider).root,
      exact.root,
      element("div", { class: "buttons", role: "group", "aria-label": "Named thresholds" }, buttons.map(([, each]) => each))),
    update() {
      slider.value = String(state.chosen);
      slider.setAttribute("aria-valuetext", `${rate(state.chosen, 4)}. ${saying(state)}`);
      if (document.activeElement !== number || Number(number.value) !== state.chosen) number.value = String(state.chosen);
      exact.wrong(null);
      for (const [threshold, each] of buttons) each.setAttribute("aria-pressed", String(same(threshold, state.chosen)));
    },
  };
}

function axisButtons(state, redraw) {
  if (!available()) return [];
  const costs = state.own !== null && state.own.cost_usd.some((each) => each !== null);
  const made = [["threshold", "By threshold"], ["cost", "By cost"]].map(([axis, title]) => {
    const each = button(title, () => { state.axis = axis; mark(); redraw(); }, { kind: "small", disabled: axis === "cost" && !costs });
    return [axis, each];
  });
  const mark = () => made.forEach(([axis, each]) => each.setAttribute("aria-pressed", String(axis === state.axis)));
  mark();
  return made.map(([, each]) => each);
}

// By cost the artifact has no curve: what its prompts would have cost is not known.
function legend(state) {
  const { dial, own } = state;
  const line = (kind, text) => element("li", {}, element("span", { class: `stroke ${kind}`, "aria-hidden": "true" }), text);
  const artifact = line("dashed", "The artifact, on the prompts it was measured with");
  return {
    root: element("ul", { class: "legend note", hidden: !available() },
      own ? line("solid", `Your last ${count(dial.own.n)} requests, with their 95 % band`) : null, artifact),
    update() { artifact.hidden = state.axis === "cost"; },
  };
}

// "Apply as the default", with what it would change; where it may not, why not.
function applying(state, context) {
  const { dial } = state;
  const press = button("Apply as the default", () => apply(), { kind: "main" });
  const says = element("p", { class: "note", id: "dial-says" });
  press.setAttribute("aria-describedby", "dial-says");
  const outcome = element("p", { role: "status", class: "dial-outcome" });
  async function apply() {
    const wanted = state.chosen;
    const sure = await confirm({
      title: `Use ${rate(wanted, 4)} as the default?`,
      text: `Requests that say nothing of their own are judged by it from the next one on; now it is ${rate(dial.threshold, 4)}. `
        + `${saying(state)} It is written to the settings' file.`,
      action: `Use ${rate(wanted, 4)}`,
    });
    if (!sure) return;
    try {
      const after = await context.api.call("PUT", "console/api/dial", { body: { threshold: wanted }, query: { last: context.last() } });
      context.announce(`${rate(after.threshold, 4)} is the default now.`);
      await context.again();
      // All was drawn anew: who works with keys goes on where it is chosen.
      document.querySelector(".dial-controls input")?.focus();
    } catch (error) {
      outcome.textContent = error.message;
      outcome.classList.add("wrong");
    }
  }
  return {
    root: element("div", { class: "dial-apply" }, press, says, outcome),
    update() {
      const used = same(state.chosen, dial.threshold);
      press.disabled = !dial.may_apply || used;
      says.textContent = !dial.may_apply ? dial.why_not : used ? `This is what is in use. ${origin(dial)}` : origin(dial);
    },
  };
}

const SOURCES = { flag: "a flag of the command line", environment: "the environment", file: "the settings' file", default: "the artifact, since nobody set another" };

function origin({ threshold_from: source, threshold_place: place, note }) {
  return `The one in use comes from ${SOURCES[source] ?? source}${place ? ` (${place})` : ""}.${note ? ` ${note}` : ""}`;
}

// The figures behind the chart, at steps between which anything changes and at what is named.
function figuresTable(state) {
  const { dial, curve, own, span: [low, high] } = state;
  const steps = Array.from({ length: ROWS }, (_, step) => low + (step / (ROWS - 1)) * (high - low));
  const named = Object.entries(dial.points).map(([name, point]) => [point.threshold, name]);
  const rows = [...steps.map((each) => [each, ""]), ...named, [dial.threshold, "in use"]].sort((a, b) => a[0] - b[0]);
  const columns = [
    { label: "Threshold", head: true, cell: ([threshold, name]) => `${rate(threshold, 4)}${name ? ` ${name}` : ""}` },
    { label: "Artifact: strong", number: true, cell: ([threshold]) => share(at(curve, threshold).strong_share) },
    { label: "Artifact: quality", number: true, cell: ([threshold]) => share(at(curve, threshold).quality) },
  ];
  if (own) columns.push(
    { label: "Yours: strong", number: true, cell: ([threshold]) => share(at(own, threshold).strong_share) },
    { label: "Yours: quality", number: true, cell: ([threshold]) => quality(at(own, threshold)) },
    { label: "Yours: cost", number: true, cell: ([threshold]) => cost(at(own, threshold)) },
  );
  return details("Figures behind the chart", (inside) => inside.append(table({ caption: "Quality and cost at each threshold", columns, rows }).root), { open: !available() });
}

function cost(here) {
  return range(here.cost_low_usd, here.cost_high_usd, usd);
}

function notes({ dial, own }) {
  const left = Object.entries(dial.left_out).filter(([, n]) => n > 0).map(([reason, n]) => `${count(n)} (${LEFT_OUT[reason] ?? reason})`);
  if (!own) {
    return "There is no request yet that a threshold decides: ask something with the model 'auto', "
      + "and the curve of your own requests joins the artifact's."
      + (left.length ? ` Left out: ${left.join(", ")}.` : "");
  }
  return `These are requests from ${moment(dial.own.since)} to ${moment(dial.own.until)}. Intervals hold in 95 of 100 cases. `
    + (left.length ? `Left out: ${left.join(", ")}.` : "");
}

function same(one, other) {
  return Math.abs(one - other) < 0.00005;
}
