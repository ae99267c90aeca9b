// What was used: by day, by model and by key, of the last month.

import { card, problem, select, table } from "../../components.js";
import { axis, charted, colour, stacked } from "../../charts.js";
import { element, replace } from "../../dom.js";
import { count, usd } from "../../format.js";

const DAY_S = 86_400;
const TOP = 10;
const SPANS = [["7", "Last 7 days"], ["30", "Last 30 days"], ["90", "Last 90 days"]];

// Gives { root, load(), budgets(), end() }.
export function usage({ context, signal, keys }) {
  const days = select(SPANS, { value: "30", "aria-label": "Days" });
  const chart = byDay();
  const models = top("Model", (row) => row.by.model ?? "none answered");
  const holders = top("Key", (row) => called(row.by.key, keys));
  const trouble = element("div");
  const totals = element("p", { class: "note" });
  const title = context.session.may.administer ? "Usage" : "Usage without a key of one's own";
  const root = card(title, { wide: true, actions: [days] }, totals, trouble, chart.root,
    element("div", { class: "grid" },
      element("div", {}, element("h3", {}, "Models"), models.root),
      context.session.may.administer ? element("div", {}, element("h3", {}, "Keys"), holders.root) : null));
  let budgets = [];
  days.addEventListener("change", () => load());

  async function load() {
    root.setAttribute("aria-busy", "true");
    const since = new Date(Date.now() - (Number(days.value) - 1) * DAY_S * 1000);
    since.setHours(0, 0, 0, 0);
    const ask = (by) => context.api.call("GET", "v1/usage", { query: { by, since: since.toISOString(), tz: zone() }, signal });
    try {
      const [daily, model, key] = await Promise.all([ask("day,route"), ask("model"), ask("key")]);
      budgets = daily.budgets;
      chart.update(columns(daily.rows, since));
      models.update(ranked(model.rows));
      holders.update(ranked(key.rows));
      const total = daily.total;
      totals.textContent = `${count(total.requests)} requests, ${count(total.prompt_tokens + total.completion_tokens)} tokens, `
        + `${usd(total.cost_usd)} spent, ${usd(total.saved_usd)} saved. Days begin in ${zone()}.`;
      replace(trouble);
    } catch (error) {
      if (!signal.aborted) replace(trouble, problem(error));
    }
    root.setAttribute("aria-busy", "false");
  }
  return { root, load, budgets: () => budgets, end: () => chart.end() };
}

function byDay() {
  return charted({
    label: "Cost by day",
    summary: "Figures by day",
    height: 200,
    columns: [
      { label: "Day", format: (x) => new Date(x * 1000).toLocaleDateString("en-GB", { day: "numeric", month: "short", year: "numeric" }) },
      { label: "Weak", kind: "weak", format: usd },
      { label: "Strong", kind: "strong", format: usd },
      { label: "Requests", format: count },
    ],
    drawn: ([x, weak, strong]) => { const [, low, high] = stacked([x, weak, strong]); return [x, high, low]; },
    options: () => ({
      scales: {
        x: { time: true, range: (_, low, high) => [low - DAY_S / 2, high + DAY_S / 2] },
        y: { range: (_, low, high) => [0, high > 0 ? high * 1.08 : 1] },
      },
      axes: [axis({ values: (_, ticks) => ticks.map(day), incrs: [DAY_S, 2 * DAY_S, 7 * DAY_S, 14 * DAY_S] }),
        axis({ size: 64, values: (_, ticks) => ticks.map(usd) })],
      series: [{}, bars("strong"), bars("weak")],
    }),
  });
}

function day(x) {
  return new Date(x * 1000).toLocaleDateString("en-GB", { day: "numeric", month: "short" });
}

function bars(kind) {
  return { fill: colour(kind), stroke: colour(kind), width: 0, points: { show: false }, paths: uPlot.paths.bars({ size: [0.7, 48] }) };
}

// All the days since then, those without a request as well.
function columns(rows, since) {
  const days = new Map();
  for (const row of rows) {
    const at = new Date(`${row.by.day}T00:00:00`) / 1000;
    const day = days.get(at) ?? { weak: 0, strong: 0, requests: 0 };
    day.requests += row.requests;
    if (row.by.route === "weak" || row.by.route === "strong") day[row.by.route] += Number(row.cost_usd ?? 0);
    days.set(at, day);
  }
  const all = [];
  for (const day = new Date(since); day <= Date.now(); day.setDate(day.getDate() + 1)) all.push(day / 1000);
  const of = (name) => all.map((at) => days.get(at)?.[name] ?? 0);
  return [all, of("weak"), of("strong"), of("requests")];
}

function top(title, name) {
  return table({
    caption: `Usage by ${title.toLowerCase()}`,
    empty: "Nothing was used.",
    columns: [
      { label: title, head: true, cell: (row) => element("span", { class: "accounts-name", dir: "auto" }, name(row)) },
      { label: "Requests", number: true, cell: (row) => count(row.requests) },
      { label: "Tokens", number: true, cell: (row) => count(row.prompt_tokens + row.completion_tokens) },
      { label: "Cost", number: true, cell: (row) => usd(row.cost_usd) },
      { label: "Saved", number: true, cell: (row) => usd(row.saved_usd) },
    ],
  });
}

function ranked(rows) {
  return [...rows].sort((a, b) => Number(b.cost_usd ?? 0) - Number(a.cost_usd ?? 0) || b.requests - a.requests).slice(0, TOP);
}

function called(id, keys) {
  if (id === null) return "without a key";
  const own = { master: "the master key", server: "the shared key" }[id];
  return own ?? keys.find((key) => key.id === id)?.name ?? id;
}

function zone() {
  return Intl.DateTimeFormat().resolvedOptions().timeZone ?? "UTC";
}
