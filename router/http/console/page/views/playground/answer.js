// One model's answer as it comes: its text, its times, its tokens, and what it cost.

import { eventsOf } from "../../api.js";
import { badge, button, card, details, facts, problem } from "../../components.js";
import { element, replace } from "../../dom.js";
import { count, ms, usd } from "../../format.js";

const LOOKS = 5;
const PAUSE_MS = 300;
const TITLES = { weak: "Weak", strong: "Strong" };

// Gives { root, ask(request), stop(), whole(), requestId() } for one route.
export function answerOf(route, context) {
  const text = element("div", { class: "play-text", dir: "auto", tabindex: "0", role: "region", "aria-label": `Answer of the ${route} model` },
    element("span", { class: "note" }, "Nothing was asked yet."));
  const thinking = element("div", { class: "play-text" });
  const thought = details("What it thought", thinking);
  const figures = element("div", { class: "play-figures" });
  const trouble = element("div");
  const stop = button("Stop", () => state.life?.abort(), { kind: "small", disabled: true, "aria-label": `Stop the ${route} model` });
  const state = { life: null, id: null, whole: false };
  thought.hidden = true;
  const root = card(TITLES[route], { actions: [badge(route, context.session.models[route]), stop] }, thought, text, trouble, figures);

  async function ask(request) {
    const life = new AbortController();
    Object.assign(state, { life, id: null, whole: false });
    replace(text, element("span", { class: "note" }, "Waiting for its first word …"));
    replace(thinking);
    replace(trouble);
    thought.hidden = true;
    text.setAttribute("aria-busy", "true");
    stop.disabled = false;
    const seen = { began: performance.now(), first: null, ended: null, usage: null, finish: null, model: null, cost: null };
    show(seen);
    try {
      await read(request, seen, life.signal);
      state.whole = true;
      context.announce(`The ${route} model answered.`);
    } catch (error) {
      replace(trouble, life.signal.aborted ? element("p", { class: "note" }, "Stopped.") : problem(error));
    }
    if (seen.first === null) replace(text);
    seen.ended ??= performance.now();
    text.removeAttribute("aria-busy");
    stop.disabled = true;
    show(seen);
    seen.cost = await costOf(state.id);
    if (state.life === life) show(seen);
  }

  async function read(request, seen, signal) {
    const body = { ...request, model: route, stream: true, stream_options: { include_usage: true } };
    const answer = await context.api.fetch("POST", "v1/chat/completions", { body, signal, headers: { "cache-control": "no-store" } });
    state.id = answer.headers.get("x-request-id");
    seen.model = answer.headers.get("x-router-model");
    const answered = answer.headers.get("x-router-route");
    if (answered && answered !== route) replace(trouble, element("p", { class: "warn" }, `The ${answered} model answered in its place: ${answer.headers.get("x-router-reason")}.`));
    for await (const { data } of eventsOf(answer)) {
      if (data === "[DONE]") continue;
      const chunk = JSON.parse(data);
      if (chunk.error) throw new Error(chunk.error.message);
      take(chunk, seen);
    }
    seen.ended = performance.now();
  }

  function take(chunk, seen) {
    if (chunk.usage) seen.usage = chunk.usage;
    const choice = chunk.choices?.[0];
    if (!choice) return;
    if (choice.finish_reason) seen.finish = choice.finish_reason;
    const thinks = choice.delta?.reasoning_content ?? choice.delta?.reasoning;
    if (thinks) { thought.hidden = false; thinking.append(thinks); }
    const said = choice.delta?.content;
    if (!said) return;
    if (seen.first === null) {
      seen.first = performance.now();
      replace(text);
      show(seen);
    }
    // A text node: markup in an answer is shown as it was written.
    text.append(said);
  }

  function show({ began, first, ended, usage, finish, model, cost }) {
    const since = (moment) => (moment === null ? null : ms(moment - began));
    const cached = usage?.prompt_tokens_details?.cached_tokens;
    replace(figures, facts([
      ["First word after", since(first)],
      ["Whole after", since(ended)],
      ["Tokens", usage ? `${count(usage.prompt_tokens)} in${cached ? ` (${count(cached)} cached)` : ""}, ${count(usage.completion_tokens)} out` : null],
      ["Cost", cost === null ? null : usd(cost)],
      model && model !== context.session.models[route] ? ["Model", model] : null,
      finish && finish !== "stop" ? ["Ended by", finish] : null,
    ]));
  }

  // The ledger's own figure: a stream cannot carry what it cost. One that was stopped is written down a moment later.
  async function costOf(id) {
    for (let left = id === null ? 0 : LOOKS; left > 0; left -= 1) {
      try {
        const [line] = (await context.api.get("requests", { id, limit: 1 })).requests;
        if (line) return line.cost_usd;
      } catch {
        return null;
      }
      await new Promise((resolve) => { setTimeout(resolve, PAUSE_MS); });
    }
    return null;
  }

  return { root, ask, stop: () => state.life?.abort(), whole: () => state.whole, requestId: () => state.id };
}
