// The cache: what it holds and did, what its rewordings may cost in wrong answers, and its entries to search and let go of.

import { button, card, facts, figure, meter, problem } from "../components.js";
import { element, replace } from "../dom.js";
import { count, rate, share, usd } from "../format.js";
import { bytes } from "./cache/entry.js";
import { entries } from "./cache/list.js";

export const view = {
  mount(root, context) {
    const life = new AbortController();
    const summary = element("div", { class: "cache-summary", "aria-busy": "true" });
    const list = entries(context, life.signal, () => summarise());
    const refresh = button("Refresh", () => { summarise(); list.load(); });
    context.head.append(refresh);
    root.append(summary, list.root);

    async function summarise() {
      try {
        const stats = await context.api.call("GET", "cache/stats", { signal: life.signal });
        replace(summary, ...summed(stats));
      } catch (error) {
        if (life.signal.aborted) return;
        if (error.status === 401) context.refuse(error);
        else replace(summary, problem(error));
      }
      summary.setAttribute("aria-busy", "false");
    }
    summarise();
    list.load();
    return () => life.abort();
  },
};

function summed(stats) {
  if (!stats.enabled) {
    return [element("p", { class: "note" }, "The cache is off: this server was started without one. Start it without --no-cache to keep answers.")];
  }
  const hits = stats.hits_exact + stats.hits_semantic;
  const figures = [
    ["Entries", count(stats.entries), bytes(stats.bytes)],
    ["Hit rate", share(stats.hit_rate, 1), `${count(hits)} of ${count(hits + stats.misses)} lookups`],
    ["Exact repeats", count(stats.hits_exact), "answered"],
    ["Rewordings", count(stats.hits_semantic), "answered"],
    ["Misses", count(stats.misses), "asked a model"],
    ["Saved", usd(stats.saved_usd), "where prices are known"],
  ].map(([label, value, note]) => {
    const made = figure(label, { kind: label === "Saved" && stats.saved_usd > 0 ? "good" : null });
    made.set(value, note);
    return made.root;
  });
  return [
    element("div", { class: "figures" }, figures),
    element("p", { class: "note" }, "Since the server started, of all tenants together."),
    element("div", { class: "grid" }, budget(stats.budget), happened(stats)),
  ];
}

// How often rewordings may be answered wrongly, and how near to that the evidence is.
function budget(standing) {
  const title = "Rewordings and their error budget";
  if (!standing) return card(title, {}, element("p", { class: "note" }, "Rewordings are off: only exact repeats are answered."));
  const { max_wrong: most, wrong_limit: limit, threshold } = standing;
  const full = most > 0 ? limit / most : 0;
  const said = threshold === null
    ? "Only the same words in other spelling are answered: the verifier is not loaded (it is a moment after a start), or its evidence is too thin for this budget."
    : `At this setting at most ${share(limit, 2)} of lookalike questions get an answer that is not theirs (95 % limit); the budget is ${share(most, 2)}.`;
  return card(title, {},
    element("p", {}, said),
    threshold === null ? null : meter(full, { kind: full > 1 ? "wrong" : "accent", label: `${share(full)} of the error budget` }),
    facts([
      ["Verifier", standing.verifier === "rules" ? "rules alone" : standing.verifier],
      ["Served from score", threshold === null ? "–" : rate(threshold, 3)],
      ["Evidence", `${count(standing.traps)} lookalikes`],
      ["Answered", count(standing.answers)],
      ["Reported wrong", count(standing.reports)],
      ["Reports", standing.tightened ? "made it stricter" : "change nothing"],
    ]));
}

function happened(stats) {
  const left = Object.entries(stats.departed ?? {}).map(([reason, n]) => `${count(n)} ${reason}`).join(", ");
  const file = stats.file;
  return card("What it did", {}, facts([
    ["Passed by", count(stats.bypasses)],
    ["Kept", count(stats.stored)],
    ["Not kept", count(stats.not_stored)],
    ["Let go of", left || "none"],
    ["Errors", count(stats.errors)],
    ["Unjudged", count(stats.unjudged)],
    ["File", file.state === "off" ? "none: memory only" : `${file.state}, ${count(file.persisted)} entries`],
    file.trouble ? ["Trouble", file.trouble] : null,
  ]));
}
