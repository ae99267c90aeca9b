// The nearest of the same caller's own past requests: what came of prompts like this one.

import { badge, table } from "../../components.js";
import { element } from "../../dom.js";
import * as format from "../../format.js";
import { answeredBy, outcome, requestLink, winRate } from "../lines.js";

export function neighbours(found) {
  const kept = found.some((one) => one.prompt !== null);
  return [table({
    caption: "The nearest past requests",
    rows: found.map((one) => ({ cache: null, error_code: null, status: null, threshold: null, ...one })),
    empty: "None is known. Compared are the newest requests that this server scored since it started.",
    columns: [
      { label: "When", head: true, cell: (one) => requestLink(one, format.moment(one.at)) },
      { label: "Alike", number: true, cell: (one) => format.rate(one.similarity, 2) },
      ...(kept ? [{ label: "Prompt", wide: true, cell: (one) => element("span", { class: "excerpt" }, one.prompt ?? "–") }] : []),
      { label: "Answered by", cell: answeredBy },
      { label: "Win rate", number: true, cell: winRate },
      { label: "Cost", number: true, cell: (one) => format.usd(one.cost_usd) },
      { label: "Outcome", cell: outcome },
      { label: "Rated", cell: (one) => (one.rating ? badge(one.rating === "good" ? "good" : "wrong", one.rating) : "–") },
    ],
  }).root];
}
