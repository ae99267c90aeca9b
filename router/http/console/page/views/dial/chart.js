// The curve of the dial: drawn by uPlot, with the threshold in use and the chosen one on it, which a pointer drags.

import { axis, chart, colour } from "../../charts.js";
import { at, thresholdFor } from "./curve.js";
import { share, usd } from "../../format.js";

const HEIGHT = 300;
const FONT = "12px system-ui, sans-serif";

// `drawn`: { axis: "threshold"|"cost", curve, own, span, points, inUse, chosen() }; `choose(threshold)` hears of a drag.
// Gives { redraw(), destroy() }, or null where there is no chart library.
export function dialChart(root, drawn, choose) {
  const columns = drawn.axis === "cost" ? byCost(drawn) : byThreshold(drawn);
  const made = chart(root, options(drawn, columns), columns.data);
  if (made === null) return null;
  const stop = dragging(made, drawn, choose);
  let waits = false;
  const redraw = () => {
    if (waits) return;
    waits = true;
    requestAnimationFrame(() => { waits = false; if (!gone) made.redraw(false); });
  };
  let gone = false;
  return { redraw, destroy: () => { gone = true; stop(); made.destroy(); } };
}

function byThreshold({ curve, own, span }) {
  const steps = Array.from({ length: 241 }, (_, step) => span[0] + (step / 240) * (span[1] - span[0]));
  const of = (columns, name) => steps.map((x) => at(columns, x)[name]);
  const data = [steps, of(curve, "quality")];
  if (own) data.push(of(own, "quality"), of(own, "quality_low"), of(own, "quality_high"));
  return { data, own: own ? 2 : null };
}

// The same by what the requests would have cost, the cheapest first; of equal costs the best.
function byCost({ own }) {
  const rows = own.threshold.map((_, place) => place).filter((place) => own.cost_usd[place] !== null);
  rows.sort((a, b) => own.cost_usd[a] - own.cost_usd[b] || own.quality[a] - own.quality[b]);
  const last = rows.filter((place, order) => own.cost_usd[place] !== own.cost_usd[rows[order + 1]]);
  const of = (name) => last.map((place) => own[name][place]);
  return { data: [of("cost_usd"), of("quality"), of("quality_low"), of("quality_high")], own: 1 };
}

function options(drawn, columns) {
  const ink = (name) => () => colour(name);
  const line = (label, name, more = {}) => ({ label, stroke: ink(name), width: 2, points: { show: false }, ...more });
  const series = [{}];
  if (drawn.axis === "threshold") series.push(line("The artifact, on its own prompts", "quiet", { dash: [6, 4] }));
  if (columns.own) {
    const edge = { width: 0, points: { show: false }, stroke: "transparent" };
    series.push(line("Your requests", "accent"), { ...edge, label: "low" }, { ...edge, label: "high" });
  }
  return {
    height: HEIGHT,
    cursor: { drag: { x: false, y: false, setScale: false }, points: { show: false } },
    scales: { x: { time: false, range: drawn.axis === "threshold" ? () => drawn.span : undefined }, y: { range: () => [0, 1.02] } },
    series,
    bands: columns.own ? [{ series: [columns.own + 2, columns.own + 1], fill: () => `${colour("accent")}2e` }] : [],
    axes: [
      axis({ label: drawn.axis === "threshold" ? "Threshold" : "Cost of these requests", size: 32, labelSize: 18, labelFont: FONT,
        values: (_, ticks) => ticks.map((x) => (drawn.axis === "threshold" ? x.toFixed(2) : usd(x))) }),
      axis({ label: "Share of the quality gap", labelSize: 18, labelFont: FONT, size: 50,
        values: (_, ticks) => ticks.map((y) => (y > 1 ? "" : share(y))) }),
    ],
    hooks: { draw: [(made) => mark(made, drawn)] },
  };
}

// The threshold in use and the chosen one, and the named points, on top of the curves.
function mark(made, drawn) {
  const own = drawn.own;
  const { left, width } = made.bbox;
  const place = (threshold) => made.valToPos(drawn.axis === "threshold" ? threshold : at(own, threshold).cost_usd, "x", true);
  const x = (threshold) => Math.min(left + width, Math.max(left, place(threshold)));
  const y = (threshold) => at(own ?? drawn.curve, threshold).quality;
  const pen = made.ctx;
  const unit = devicePixelRatio;
  pen.save();
  pen.font = `${12 * unit}px system-ui`;
  if (drawn.axis === "threshold") {
    for (const point of Object.values(drawn.points)) {
      disc(pen, x(point.threshold), made.valToPos(point.quality, "y", true), 4 * unit, colour("quiet"));
    }
  }
  upright(made, x(drawn.inUse), colour("quiet"), [4 * unit, 4 * unit], "in use");
  const chosen = drawn.chosen();
  upright(made, x(chosen), colour("accent"), [], chosen === drawn.inUse ? "" : "chosen");
  if (y(chosen) !== null) disc(pen, x(chosen), made.valToPos(y(chosen), "y", true), 7 * unit, colour("accent"));
  pen.restore();
}

function upright({ ctx: pen, bbox }, x, ink, dash, name) {
  if (!Number.isFinite(x)) return;
  pen.beginPath();
  pen.setLineDash(dash);
  pen.strokeStyle = pen.fillStyle = ink;
  pen.lineWidth = 2 * devicePixelRatio;
  pen.moveTo(x, bbox.top);
  pen.lineTo(x, bbox.top + bbox.height);
  pen.stroke();
  pen.setLineDash([]);
  const right = x < bbox.left + bbox.width * 0.85;
  pen.textAlign = right ? "left" : "right";
  pen.fillText(name, x + (right ? 6 : -6) * devicePixelRatio, bbox.top + (name === "chosen" ? 28 : 13) * devicePixelRatio);
}

function disc(pen, x, y, radius, ink) {
  pen.beginPath();
  pen.fillStyle = ink;
  pen.arc(x, y, radius, 0, 2 * Math.PI);
  pen.fill();
}

// Pressing or dragging anywhere on the chart chooses the threshold under the pointer; up and down still scrolls.
function dragging(made, drawn, choose) {
  const over = made.over;
  over.style.touchAction = "pan-y";
  over.style.cursor = "ew-resize";
  const take = (event) => {
    const value = made.posToVal(event.clientX - over.getBoundingClientRect().left, "x");
    // Finer than a pointer is nobody.
    choose(drawn.axis === "threshold" ? Math.round(1000 * value) / 1000 : thresholdFor(drawn.own, value));
  };
  const down = (event) => {
    if (event.button !== 0) return;
    over.setPointerCapture(event.pointerId);
    take(event);
  };
  const move = (event) => { if (over.hasPointerCapture(event.pointerId)) take(event); };
  over.addEventListener("pointerdown", down);
  over.addEventListener("pointermove", move);
  return () => { over.removeEventListener("pointerdown", down); over.removeEventListener("pointermove", move); };
}
