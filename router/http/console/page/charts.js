// Charts by uPlot, which draws on a canvas; each has its figures in a table as well, for who cannot see it, and where the
// library is not installed the table stands alone.

import { badge, details, table } from "./components.js";
import { element } from "./dom.js";

export const available = () => typeof uPlot !== "undefined";

// A colour of the style sheet, such as colour("weak"): charts cannot use its variables by themselves.
export function colour(name) {
  return getComputedStyle(document.documentElement).getPropertyValue(`--${name}`).trim();
}

// Draws `data` (uPlot's columns) into `root`; returns the chart, or null where the library is not installed.
export function chart(root, options, data) {
  if (!available()) return null;
  const height = options.height ?? 200;
  const width = () => Math.max(160, root.clientWidth);
  const drawn = new uPlot({ ...options, width: width(), height, legend: { show: false } }, data, root);
  const watcher = new ResizeObserver(() => { if (root.clientWidth > 0 && width() !== drawn.width) drawn.setSize({ width: width(), height }); });
  watcher.observe(root);
  const destroy = drawn.destroy.bind(drawn);
  drawn.destroy = () => { watcher.disconnect(); destroy(); };
  return drawn;
}

// What every chart's axes look like, in the colours of now.
export function axis(more = {}) {
  return {
    stroke: colour("quiet"), font: "11px system-ui, sans-serif", grid: { stroke: colour("line"), width: 1 }, ticks: { stroke: colour("line"), width: 1, size: 4 },
    ...more,
  };
}

// A chart with its legend, a line that says what is under the pointer, and its table.
//
// `columns`: one for each column of the data, the first the x axis: { label, kind (a colour's name), mark (a sign that is no
// colour), format(value) }.
// `options()`: uPlot's options, asked again when the colours change. `drawn(data)`: what of the data is drawn, where that differs.
// Returns { root, update(data), end() }.
export function charted({ label, columns, options, height = 200, drawn = (data) => data, summary = "Figures" }) {
  const drawing = element("div", { class: "drawing", role: "img", "aria-label": `${label}. The figures are in the table below.`, hidden: !available() });
  drawing.style.setProperty("--height", `${height}px`);
  const legend = element("ul", { class: "legend" }, columns.slice(1).filter((column) => column.kind).map((column) => element("li", {}, badge(column.kind, column.label, column.mark))));
  const readout = element("p", { class: "note readout", "aria-hidden": "true", hidden: !available() }, "\u00a0");
  const figures = table({
    caption: label, empty: "No figures yet.",
    columns: columns.map((column, at) => ({ label: column.label, head: at === 0, number: at > 0, cell: (row) => column.format(row[at]) })),
  });
  const folded = details(summary, figures.root, { open: !available() });
  const dark = matchMedia("(prefers-color-scheme: dark)");
  let data = columns.map(() => []);
  let plot = null;

  function fill() {
    if (folded.open) figures.update(data[0].map((_, at) => data.map((column) => column[at])).reverse());
  }
  function point(at) {
    readout.textContent = at === null || at === undefined || data[0][at] === undefined ? "\u00a0"
      : columns.map((column, place) => (place ? `${column.label} ${column.format(data[place][at])}` : column.format(data[0][at]))).join(" · ");
  }
  function build() {
    plot?.destroy();
    const asked = options();
    const hooks = { ...asked.hooks, setCursor: [(u) => point(u.cursor.idx)] };
    plot = chart(drawing, { cursor: { y: false, points: { show: false } }, ...asked, height, hooks }, drawn(data));
  }
  folded.addEventListener("toggle", fill);
  dark.addEventListener("change", build);
  return {
    root: element("figure", { class: "chart" }, drawing, element("figcaption", {}, legend, readout), folded),
    update(columnsOfData) {
      data = columnsOfData;
      if (plot) plot.setData(drawn(data));
      else if (available() && drawing.isConnected) build();
      fill();
    },
    end() { dark.removeEventListener("change", build); plot?.destroy(); },
  };
}

// Columns on top of one another: each drawn up to the sum of those before it and its own.
export function stacked([x, ...series]) {
  const sums = x.map(() => 0);
  return [x, ...series.map((values) => values.map((value, at) => (sums[at] += value ?? 0)))];
}
