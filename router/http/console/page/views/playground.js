// The playground: one prompt to the weak and the strong model at once, side by side, and where it would have gone.

import { badge, button, card, details, empty, field, problem } from "../components.js";
import { element, replace } from "../dom.js";
import { rate, signed, usd } from "../format.js";
import { REASONS, partName } from "../words.js";
import { answerOf } from "./playground/answer.js";

const ROUTES = ["weak", "strong"];
const MOST_TOKENS = "500";
// What was typed stays while the page is open, whatever view is looked at meanwhile.
const typed = { prompt: "", system: "", temperature: "", tokens: MOST_TOKENS };

export const view = {
  mount(root, context) {
    const routes = ROUTES.filter((route) => context.session.models[route] !== null);
    if (!routes.length) {
      root.append(empty("No model is configured", element("p", {}, "Start the server with --weak-url or --strong-url, or with a provider's key.")));
      return undefined;
    }
    const form = asking(routes, () => ask(), () => answers.forEach((each) => each.stop()));
    const decision = element("div", { class: "play-decision", role: "status" });
    const answers = routes.map((route) => answerOf(route, context));
    const verdict = rating(routes, answers, context);
    root.append(form.root, decision, element("div", { class: "grid play-answers" }, answers.map((each) => each.root)), verdict.root);
    let turn = 0;

    async function ask() {
      const request = form.request();
      if (request === null) return;
      const own = ++turn;
      verdict.hide();
      form.busy(true);
      decide(request.messages, own);
      await Promise.all(answers.map((each) => each.ask(request)));
      if (own !== turn) return;
      form.busy(false);
      verdict.show();
    }

    async function decide(messages, own) {
      replace(decision, element("p", { class: "note" }, "Deciding …"));
      try {
        const preview = await context.api.call("POST", "v1/route", { body: { model: "auto", messages } });
        if (own === turn) replace(decision, ...decided(preview));
      } catch (error) {
        if (own === turn) replace(decision, problem(error));
      }
    }
    return () => { turn += 1; answers.forEach((each) => each.stop()); };
  },
};

// The form; `request()` gives what is to be asked, or null where it says what is missing.
function asking(routes, send, stop) {
  const area = (name, rows, more = {}) => element("textarea", { rows, dir: "auto", oninput: (event) => { typed[name] = event.target.value; }, ...more });
  const number = (name, more) => element("input", { type: "number", value: typed[name], oninput: (event) => { typed[name] = event.target.value; }, ...more });
  const prompt = field("Prompt", area("prompt", 4, { "aria-keyshortcuts": "Control+Enter" }));
  const system = field("System prompt", area("system", 2));
  const temperature = field("Temperature", number("temperature", { min: 0, max: 2, step: 0.1, placeholder: "its own" }));
  const tokens = field("At most so many tokens", number("tokens", { min: 1, step: 1 }));
  prompt.control.value = typed.prompt;
  system.control.value = typed.system;
  const press = button(routes.length > 1 ? "Ask both" : `Ask the ${routes[0]} model`, send, { kind: "main" });
  const halt = button("Stop", stop, { disabled: true });
  const hears = (event) => {
    if (event.key !== "Enter" || !(event.ctrlKey || event.metaKey) || press.disabled) return;
    event.preventDefault();
    send();
  };
  for (const each of [prompt, system, temperature, tokens]) each.control.addEventListener("keydown", hears);
  const who = routes.length > 1 ? "Both models are really asked" : "The model is really asked, and the other one is not configured";
  const root = card("Ask", { wide: true },
    prompt.root,
    details("System prompt and parameters", element("div", { class: "play-more" }, system.root, temperature.root, tokens.root), { open: typed.system !== "" || typed.temperature !== "" }),
    element("div", { class: "play-act" }, press, halt,
      element("span", { class: "note" }, `Ctrl + Enter asks. ${who}, and paid for: nothing comes from the cache, and the ledger counts it.`)));
  return {
    root,
    busy(now) { press.disabled = now; halt.disabled = !now; },
    request() {
      const text = prompt.control.value;
      prompt.wrong(text.trim() ? null : "Write what is to be asked.");
      if (!text.trim()) { prompt.control.focus(); return null; }
      const wrong = [temperature, tokens].filter((each) => { each.wrong(each.control.validationMessage || null); return each.control.validationMessage; });
      if (wrong.length) { wrong[0].control.focus(); return null; }
      const said = system.control.value.trim() ? [{ role: "system", content: system.control.value }] : [];
      return {
        messages: [...said, { role: "user", content: text }],
        ...(temperature.control.value === "" ? {} : { temperature: Number(temperature.control.value) }),
        ...(tokens.control.value === "" ? {} : { max_tokens: Number(tokens.control.value) }),
      };
    },
  };
}

// Where the router would have sent it, and why.
function decided(preview) {
  const { route, reason, win_rate: wins, threshold } = preview;
  const compared = wins === null || threshold === null ? null
    : `win rate ${rate(wins)} ${wins >= threshold ? "reaches" : "is below"} the threshold ${rate(threshold)}`;
  const why = reason === "win-rate" ? null : REASONS[reason] ?? reason;
  const pushed = Object.entries(preview.evidence.contributions ?? {}).sort((a, b) => Math.abs(b[1]) - Math.abs(a[1])).slice(0, 4);
  return [
    element("p", {}, "Underdog would have asked ", badge(route, route), " ", element("b", {}, preview.model), `: ${[why, compared].filter(Boolean).join("; ")}.`,
      preview.cost_usd === null ? "" : ` Estimated cost ${usd(preview.cost_usd)}.`),
    pushed.length ? element("p", { class: "note" }, `What weighed most, towards strong (+) or weak (−): ${pushed.map(([name, value]) => `${partName(name)} ${signed(value)}`).join(", ")}.`) : null,
  ].filter(Boolean);
}

// "Which was better?": kept as ratings of the two requests.
function rating(routes, answers, context) {
  const choices = routes.length > 1
    ? [["The weak one", ["good", "bad"]], ["The strong one", ["bad", "good"]], ["Both are good", ["good", "good"]], ["Both are bad", ["bad", "bad"]]]
    : [["Good", ["good"]], ["Bad", ["bad"]]];
  const says = element("p", { class: "note", role: "status" });
  const buttons = choices.map(([title, ratings]) => button(title, (event) => judge(event.target, ratings), { "aria-pressed": "false" }));
  const title = routes.length > 1 ? "Which was better?" : "How was it?";
  const root = card(title, { note: "Your choice rates the requests in the ledger, good or bad, as feedback of a caller would." },
    element("div", { class: "buttons", role: "group", "aria-label": title }, buttons), says);
  root.hidden = true;

  async function judge(pressed, ratings) {
    try {
      for (const [place, rating] of ratings.entries()) {
        await context.api.call("POST", "v1/feedback", { body: { request_id: answers[place].requestId(), rating } });
      }
      buttons.forEach((each) => each.setAttribute("aria-pressed", String(each === pressed)));
      says.textContent = `Kept: ${routes.map((route, place) => `${route} ${ratings[place]}`).join(", ")}.`;
    } catch (error) {
      says.textContent = error.message;
    }
  }
  return {
    root,
    hide() { root.hidden = true; },
    show() {
      buttons.forEach((each) => each.setAttribute("aria-pressed", "false"));
      says.textContent = "";
      root.hidden = !answers.every((each) => each.whole());
    },
  };
}
