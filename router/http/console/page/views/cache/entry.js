// One cached answer: what was asked, what was answered, and the way to let go of it.

import { button, confirm, details, dialog, facts, problem } from "../../components.js";
import { element } from "../../dom.js";
import { count, lasting, usd } from "../../format.js";

const UNITS = ["bytes", "KB", "MB", "GB"];

export function bytes(value) {
  const unit = Math.min(UNITS.length - 1, Math.max(0, Math.floor(Math.log10(Math.max(1, value)) / 3)));
  return `${unit ? (value / 1000 ** unit).toFixed(1) : value} ${UNITS[unit]}`;
}

// Opens an entry over the page; `gone()` is called where it was let go of from there.
export async function showEntry(context, id, gone) {
  const inside = element("div", { class: "cache-entry" }, element("p", { class: "note" }, "Reading …"));
  const box = dialog("A cached answer", inside, element("div", { class: "buttons" }, button("Close", () => box.close(), { autofocus: true })));
  box.classList.add("cache-box");
  try {
    const found = await context.api.call("GET", `cache/entries/${id}`);
    inside.replaceChildren(...told(found));
    box.querySelector(".buttons").prepend(button("Let go of it", async () => {
      if (!await certain(1)) return;
      try {
        await context.api.call("DELETE", `cache/entries/${id}`);
        box.close();
        gone();
      } catch (error) {
        inside.append(problem(error));
      }
    }, { kind: "dangerous" }));
  } catch (error) {
    inside.replaceChildren(problem(error));
  }
}

// Whether so many answers are to go: there is no way back.
export function certain(many, which = "") {
  const what = many === 1 ? "this cached answer" : `${count(many)} cached answers`;
  return confirm({
    title: `Let go of ${what}?`,
    text: `${which}This cannot be undone: whoever asks again pays for a new answer.`,
    action: `Let go of ${many === 1 ? "it" : "them"}`,
    dangerous: true,
  });
}

function told({ entry, turns, answer, body }) {
  const asked = turns === null
    ? [element("p", { class: "note" }, "What was asked is not kept: only the very same request hits.")]
    : turns.map((turn, place) => said(place === turns.length - 1 ? "Question" : place % 2 ? "Answered before" : "Asked before", turn));
  return [
    ...asked,
    said("Answer", answer ?? ""),
    facts([
      ["Model", `${entry.model} (${entry.route})`],
      ["Kept for", lasting(entry.age_s)],
      ["Expires in", lasting(entry.expires_in_s)],
      ["Hits", count(entry.hits)],
      ["Cost", usd(entry.cost_usd)],
      ["Saved", usd(entry.saved_usd)],
      ["Size", bytes(entry.bytes)],
      ["Rewordings", entry.semantic ? "may hit" : "do not hit"],
      ["Tenant", entry.tenant],
      ["Id", element("code", {}, entry.id.slice(0, 16))],
    ]),
    details("The whole answer, as the model sent it", (inside) => inside.append(element("pre", { class: "told", tabindex: "0" }, JSON.stringify(body, null, 2)))),
  ];
}

function said(name, text) {
  return element("div", {}, element("h3", {}, name), element("p", { class: "told", dir: "auto", tabindex: "0" }, text));
}
