// What one line of the ledger looks like in a table: shared by the newest ones and by all of them.

import { badge } from "../components.js";
import { element } from "../dom.js";
import * as format from "../format.js";
import { OUTCOMES, REASONS } from "../words.js";

export const isCached = (line) => line.cache === "exact" || line.cache === "semantic";

export function requestLink(line, text) {
  return element("a", { href: `#/requests/${encodeURIComponent(line.request_id)}`, title: line.request_id }, text);
}

// Who answered: the route by colour, mark and word, and the model.
export function answeredBy(line) {
  if (line.route === null && line.model === null) return element("span", { class: "note" }, "nobody");
  const kind = isCached(line) ? "cached" : line.route ?? "quiet";
  const word = isCached(line) ? (line.cache === "exact" ? "cache" : "cache, reworded") : line.route ?? "?";
  return element("span", { class: "answered" }, badge(kind, word), " ", element("span", { class: "model", title: line.model }, line.model ?? ""));
}

export function why(line) {
  if (isCached(line)) return line.cache === "exact" ? "asked before" : `as ${format.rate(line.cache_similarity, 2)} alike asked before`;
  if (line.rule) return `rule ${line.rule}`;
  return line.reason ? (REASONS[line.reason] ?? line.reason) : "–";
}

// .712 < .774
export function winRate(line) {
  if (line.win_rate === null) return "–";
  if (line.threshold === null) return format.rate(line.win_rate);
  return `${format.rate(line.win_rate)} ${line.win_rate < line.threshold ? "<" : "≥"} ${format.rate(line.threshold)}`;
}

export function outcome(line) {
  if (line.outcome === "ok") return badge("good", OUTCOMES.ok);
  const kind = line.outcome === "error" ? "wrong" : "warn";
  return badge(kind, line.outcome === "error" ? line.error_code ?? `failed, ${line.status}` : OUTCOMES[line.outcome] ?? line.outcome);
}
