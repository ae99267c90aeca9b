// What the dial's columns say at any threshold: pure sums over what the server measured.

import { count, share, usd } from "../../format.js";

const OWN = ["strong_share", "cost_usd", "cost_low_usd", "cost_high_usd", "quality", "quality_low", "quality_high"];

// The columns by ascending thresholds, as numbers; null where one is unknown.
export function ascending(columns, names) {
  const order = columns.threshold.map((_, place) => place).sort((a, b) => columns.threshold[a] - columns.threshold[b]);
  const numbers = (name) => order.map((place) => number(columns[name]?.[place]));
  return Object.fromEntries(["threshold", ...names].map((name) => [name, numbers(name)]));
}

export function curveOf(dial) {
  return ascending(dial.curve, ["strong_share", "quality"]);
}

export function ownOf(dial) {
  return dial.own ? ascending(dial.own, OWN) : null;
}

// Every column at one threshold, between two that were measured by a straight line, beyond the last as there.
export function at(columns, threshold) {
  const known = columns.threshold;
  let above = known.findIndex((each) => each >= threshold);
  if (above < 0) above = known.length - 1;
  const below = Math.max(0, known[above] === threshold ? above : above - 1);
  const gap = known[above] - known[below];
  const part = gap > 0 ? Math.min(1, Math.max(0, (threshold - known[below]) / gap)) : 0;
  const between = (values) => {
    const [low, high] = [values[below], values[above]];
    return low === null || high === null ? null : low + part * (high - low);
  };
  return Object.fromEntries(Object.entries(columns).map(([name, values]) => [name, between(values)]));
}

// The thresholds between which anything changes, with some room beside them. At 1 itself even the unfamiliar prompts, which no
// threshold before it moves, go to the weak model.
export function span(...all) {
  const moving = all.filter(Boolean).flatMap(({ threshold, strong_share: shares }) => {
    const first = shares.findIndex((each) => each < shares[0] - 0.005);
    const last = shares.findLastIndex((each) => each > shares.at(-2) + 0.005) + 1;
    return first > 0 && last > first ? [threshold[first - 1] > 0 ? threshold[first - 1] : threshold[first], threshold[last]] : [];
  });
  if (!moving.length) return [0, 1];
  const [low, high] = [Math.min(...moving), Math.max(...moving)];
  if (!(high > low)) return [0, 1];
  const room = Math.max(0.01, 0.1 * (high - low));
  return [Math.max(0, Math.floor((low - room) * 100) / 100), Math.min(1, Math.ceil((high + room) * 100) / 100)];
}

// The threshold at which the requests would have cost nearest to an amount.
export function thresholdFor(columns, cost) {
  let nearest = 0;
  columns.cost_usd.forEach((each, place) => {
    if (each !== null && Math.abs(each - cost) < Math.abs((columns.cost_usd[nearest] ?? Infinity) - cost)) nearest = place;
  });
  return columns.threshold[nearest];
}

export function range(low, high, written) {
  const [from, to] = [written(low), written(high)];
  return from === to ? from : `${from} to ${to}`;
}

// "The last 1,000 requests would have cost $1.23 to $1.80 instead of $4.10 all-strong, at 83 % (79–87 %) of ..."
export function sentence(dial, own, threshold) {
  const here = at(own, threshold);
  const cost = here.cost_low_usd === null || here.cost_high_usd === null
    ? "an amount that is not known, since a price is missing,"
    : range(here.cost_low_usd, here.cost_high_usd, usd);
  const instead = dial.own.all_strong_usd === null ? "" : ` instead of ${usd(dial.own.all_strong_usd)} all-strong`;
  const who = dial.own.n === 1 ? "The last request" : `The last ${count(dial.own.n)} requests`;
  return `${who} would have cost ${cost}${instead}, at ${quality(here)} of the quality gap.`;
}

// "83 % (79–87 %)".
export function quality(row) {
  if (row.quality === null || row.quality === undefined) return "an unknown share";
  const known = row.quality_low !== null && row.quality_low !== undefined;
  return share(row.quality) + (known ? ` (${Math.round(100 * row.quality_low)}–${share(row.quality_high)})` : "");
}

function number(value) {
  return value === null || value === undefined ? null : Number(value);
}
