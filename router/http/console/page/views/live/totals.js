// What was saved since the ledger began, how sure that is, and where everything went.

import { card, facts, shares } from "../../components.js";
import { element, replace } from "../../dom.js";
import * as format from "../../format.js";

export function totals() {
  const saved = element("p", { class: "saved" });
  const sure = element("p", { class: "note" });
  const spent = element("div");
  const routes = shares("Requests by who answered");
  const root = card("Saved against all-strong", {}, element("div", {}, saved, sure), spent, routes.root);
  return {
    root,
    update(seen) {
      saved.textContent = format.usd(seen.saved_usd);
      sure.textContent = explain(seen);
      replace(spent, facts([
        ["Spent", format.usd(seen.cost_usd)],
        ["All-strong would have cost", format.usd(seen.baseline_cost_usd)],
        ["Requests", format.count(seen.requests)],
        ["Failed", format.count(seen.by_outcome?.error ?? 0)],
      ]));
      routes.update(parts(seen));
    },
  };
}

function explain(seen) {
  const since = seen.since ? `since ${format.day(seen.since)}` : "since the ledger began";
  if (seen.saved_usd === null) return `No strong model with a known price to compare with, ${since}.`;
  const { saved_low_usd: low, saved_high_usd: high } = seen;
  if (low === null || low === undefined) return `In all, ${since}.`;
  if (format.usd(low) === format.usd(high)) return `In all, ${since}.`;
  return `In all, ${since}. Between ${format.usd(low)} and ${format.usd(high)} (95\u00a0%): the strong model might have used more words, or fewer.`;
}

// Hits are told by the cache, the others by their route; both count every request of theirs.
function parts(seen) {
  const counts = [
    ["weak", "weak", seen.by_route?.weak], ["strong", "strong", seen.by_route?.strong], ["named", "named", seen.by_route?.named],
  ];
  const all = counts.reduce((sum, [, , number]) => sum + (number ?? 0), 0) || 1;
  const hits = (seen.by_cache?.exact ?? 0) + (seen.by_cache?.semantic ?? 0);
  const routed = counts.filter(([, , number]) => number).map(([kind, label, number]) => ({ kind, label, value: number, text: format.share(number / all) }));
  return [...routed, { kind: "cached", label: "of these from the cache", value: 0, text: format.share(hits / all) }];
}
