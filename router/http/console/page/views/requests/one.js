// One request: why it went where it went, what it cost, where its time went, and what was said.

import { card, copyable, empty, facts, meter, problem } from "../../components.js";
import { element, replace } from "../../dom.js";
import * as format from "../../format.js";
import { CACHE } from "../../words.js";
import { answeredBy, outcome } from "../lines.js";
import { decisionSentence, outcomeSentence, wasCompared } from "./decision.js";
import { neighbours } from "./neighbours.js";
import { rating } from "./rating.js";
import { reasons } from "./reasons.js";
import { texts } from "./texts.js";
import { timeline } from "./timeline.js";

export function one(root, context, id) {
  const { api, head } = context;
  const body = element("div", { class: "view", "aria-busy": "true" }, element("p", { class: "note" }, "Looking it up…"));
  head.append(element("a", { href: "#/requests" }, "← All requests"));
  root.append(body);
  let left = false;

  async function load() {
    try {
      const found = await api.get(`requests/${encodeURIComponent(id)}`);
      if (left) return;
      head.querySelector("h1").textContent = `Request of ${format.moment(found.request.at)}`;
      document.title = `${head.querySelector("h1").textContent} – Underdog`;
      replace(body, draw(found, context));
    } catch (error) {
      if (left) return;
      replace(body, error.status === 404
        ? empty("There is no such request", element("p", {}, `The ledger has none by the id ${id}. Old ones may have left it.`))
        : problem(error));
    }
    body.setAttribute("aria-busy", "false");
  }
  load();
  return () => { left = true; };
}

function draw(found, context) {
  const { request } = found;
  return [
    decision(request, context),
    element("div", { class: "grid" },
      card("What pushed it", {}, reasons(found)),
      element("div", { class: "column" }, cost(request), card("Timeline", {}, timeline(found.timeline)))),
    card("The nearest past requests", { note: "Of the same caller, by the meaning of the prompt." }, neighbours(found.neighbours)),
    card("What was said", {}, texts(found)),
    card("Everything else", {}, rest(request)),
  ];
}

function decision(request, context) {
  const failed = outcomeSentence(request);
  return element("section", { class: "card decision", "aria-labelledby": "decision" },
    element("p", { class: "sentence", id: "decision" }, decisionSentence(request), failed ? ` ${failed}` : ""),
    element("div", { class: "buttons" }, answeredBy(request), outcome(request)),
    wasCompared(request) ? scale(request) : null,
    element("div", { class: "decision-foot" }, rating(request, context), copyable(request.request_id, { label: "Copy the id" })));
}

// The win rate as a bar, the threshold as a line across it.
function scale({ win_rate: rate, threshold }) {
  const said = `Win rate ${format.rate(rate)} of 1, threshold ${format.rate(threshold)}`;
  return element("div", { class: "scale" },
    meter(rate, { mark: threshold, kind: rate < threshold ? "weak" : "strong", label: said }),
    element("p", { class: "note" }, `Win rate ${format.rate(rate)}: the chance that the strong model's answer would be better. The line is the threshold, ${format.rate(threshold)}.`));
}

function cost(request) {
  return card("Cost", {},
    element("p", { class: "cost" }, format.usd(request.cost_usd), request.saved_usd === null ? null : element("span", { class: "note" }, ` ${compare(request)}`)),
    facts([
      ["The strong model", format.usd(request.baseline_cost_usd)],
      Number(request.uncertain_usd ?? 0) === 0 ? null : ["of which hangs on its length", format.usd(request.uncertain_usd)],
      ["Prompt", `${format.count(request.prompt_tokens)} tokens`],
      request.cached_tokens ? ["of these in its prompt cache", format.count(request.cached_tokens)] : null,
      ["Answer", `${format.count(request.completion_tokens)} tokens`],
      request.reasoning_tokens ? ["of these for thinking", format.count(request.reasoning_tokens)] : null,
    ]));
}

function compare({ saved_usd: saved }) {
  const amount = Number(saved);
  if (amount === 0) return "as much as the strong model would have";
  return amount > 0 ? `${format.usd(amount)} less than the strong model` : `${format.usd(-amount)} more than the strong model`;
}

function rest(request) {
  return facts([
    ["Caller", request.tenant],
    request.key_id ? ["Key", request.key_id] : null,
    request.team ? ["Team", request.team] : null,
    ["Endpoint", request.endpoint],
    ["Asked for", request.requested_model],
    ["Deployment", request.deployment],
    request.provider ? ["Provider", request.provider] : null,
    ["Attempts", format.count(request.attempts)],
    ["Streamed", request.stream ? "yes" : "no"],
    ["Status", String(request.status)],
    ["Finished by", request.finish_reason],
    ["Cache", request.cache ? CACHE[request.cache] ?? request.cache : null],
    ["Classifier", request.artifact],
    ["Tokens scored", format.count(request.scored_tokens)],
    ["Unfamiliarity", format.rate(request.unfamiliarity, 2)],
    ["First token", format.ms(request.first_token_ms)],
    ["Latency", format.ms(request.latency_ms)],
    request.rule ? ["Rule", request.rule] : null,
  ]);
}
