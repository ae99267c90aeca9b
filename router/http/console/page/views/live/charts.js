// The last quarter of an hour, in steps of ten seconds.

import { axis, charted, colour, stacked } from "../../charts.js";
import { card } from "../../components.js";
import * as format from "../../format.js";

const STEP_S = 10;
const STEPS = 90;
const COUNTED = ["weak", "strong", "cached", "other", "errors"];
const MEASURED = ["p50_ms", "p95_ms"];

const clock = (seconds) => new Date(1000 * seconds).toLocaleTimeString("en-GB");
const hour = (u, splits) => splits.map((seconds) => clock(seconds).slice(0, 5));

export function liveCharts() {
  const requests = charted({
    label: "Requests in steps of ten seconds, by who answered",
    columns: [
      { label: "Time", format: clock },
      { label: "weak", kind: "weak", format: format.count },
      { label: "strong", kind: "strong", format: format.count },
      { label: "cached", kind: "cached", format: format.count },
      { label: "other models", kind: "named", format: format.count },
      { label: "errors", kind: "wrong", format: format.count },
    ],
    options: barOptions,
    drawn: (data) => layered(stacked(data)),
  });
  const latency = charted({
    label: "Latency in steps of ten seconds",
    columns: [
      { label: "Time", format: clock },
      { label: "median", kind: "accent", mark: "━", format: format.ms },
      { label: "95th percentile", kind: "warn", mark: "╍", format: format.ms },
    ],
    options: lineOptions,
  });
  let series = empty();
  let behind = 0;

  // One chart a frame, and none while nobody can see them.
  let waiting = 0;
  function draw() {
    waiting ||= requestAnimationFrame(() => {
      requests.update([series.at, ...COUNTED.map((name) => series[name])]);
      waiting = requestAnimationFrame(() => {
        waiting = 0;
        latency.update([series.at, ...MEASURED.map((name) => series[name])]);
      });
    });
  }
  function now() {
    return Math.floor((Date.now() / 1000 - behind) / STEP_S) * STEP_S;
  }
  // Nothing is told while nothing happens: time passes all the same.
  const passing = setInterval(() => { if (series.at.length) { fill(series, now() + STEP_S); draw(); } }, 1000 * STEP_S);

  return {
    requests: card("Requests", { note: "In steps of ten seconds, the last quarter of an hour." }, requests.root),
    latency: card("Latency", { note: "Until the last word, as the caller waited." }, latency.root),
    update({ at, series: all, step }, { appeared }) {
      behind = (Date.now() - Date.parse(at)) / 1000;
      if (all) series = { ...empty(), ...all };
      const told = put(series, step);
      if (all || told || appeared) draw();
    },
    draw,
    end() { clearInterval(passing); cancelAnimationFrame(waiting); requests.end(); latency.end(); },
  };
}

function empty() {
  return Object.fromEntries(["at", ...COUNTED, ...MEASURED].map((name) => [name, []]));
}

// Steps of nothing, up to but without the one at `until`.
function fill(series, until) {
  const last = series.at.at(-1);
  if (last === undefined) return;
  for (let at = Math.max(last + STEP_S, until - STEPS * STEP_S); at < until; at += STEP_S) push(series, { at });
}

function push(series, step) {
  series.at.push(step.at);
  for (const name of COUNTED) series[name].push(step[name] ?? 0);
  for (const name of MEASURED) series[name].push(step[name] ?? null);
  for (const values of Object.values(series)) values.splice(0, values.length - STEPS);
}

// The newest step in its place; says whether anything changed.
function put(series, step) {
  if (!step) return false;
  const last = series.at.length - 1;
  if (series.at[last] > step.at) return false;
  if (series.at[last] !== step.at) {
    fill(series, step.at);
    push(series, step);
    return true;
  }
  const changed = [...COUNTED, ...MEASURED].some((name) => series[name][last] !== step[name]);
  for (const name of [...COUNTED, ...MEASURED]) series[name][last] = step[name];
  return changed;
}

// Sums are drawn from the highest to the lowest, each over the one before.
function layered([x, ...sums]) {
  return [x, ...sums.reverse()];
}

// Room for half a step on both sides.
const edges = (u, low, high) => [low - STEP_S / 2, high + STEP_S / 2];

function barOptions() {
  const bars = uPlot.paths.bars({ size: [0.85, 24] });
  const colours = ["wrong", "named", "cached", "strong", "weak"].map(colour);
  return {
    scales: { x: { range: edges }, y: { range: (u, low, high) => [0, Math.max(4, high ?? 0)] } },
    axes: [axis({ values: hour, space: 60, size: 30 }), axis({ size: 36, incrs: [1, 2, 5, 10, 20, 50, 100, 200, 500, 1000, 2000, 5000, 10_000] })],
    series: [{}, ...colours.map((fill) => ({ paths: bars, fill, stroke: fill, width: 0, points: { show: false } }))],
  };
}

// Of a line, the points that have none beside them: they would not be seen.
function alone(u, series) {
  const values = u.data[series];
  const none = (at) => values[at] === null || values[at] === undefined;
  return values.map((_, at) => at).filter((at) => !none(at) && none(at - 1) && none(at + 1));
}

function lineOptions() {
  const line = (name, dash) => ({ stroke: colour(name), width: 2, dash, spanGaps: false, points: { show: true, size: 5, fill: colour(name), filter: alone } });
  return {
    scales: { x: { range: edges }, y: { range: (u, low, high) => [0, Math.max(1, (high ?? 0) * 1.1)] } },
    axes: [axis({ values: hour, space: 60, size: 30 }), axis({ size: 58, values: (u, splits) => splits.map((value) => (value >= 1000 ? `${value / 1000} s` : `${value} ms`)) })],
    series: [{}, line("accent"), line("warn", [5, 4])],
  };
}
