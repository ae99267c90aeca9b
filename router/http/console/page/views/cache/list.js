// The entries of the cache: searched by the server, chosen by hand or by model and age, and let go of.

import { button, card, field, problem, select, table } from "../../components.js";
import { element, replace } from "../../dom.js";
import { count, lasting, usd } from "../../format.js";
import { certain, showEntry } from "./entry.js";

const FIRST = 50;
const MOST = 1000;
const PATIENCE_MS = 250;
const SHOWN_CHARS = 300;
const AGES = [["", "Any age"], ["3600", "Over an hour"], ["43200", "Over 12 hours"], ["86400", "Over a day"], ["604800", "Over a week"]];
const TENANT = "Only the answers of your own tenant are listed: those given without a key, or with the server's own keys. "
  + "What is kept for a key or a team of this server's making is seen by its holders alone.";

// Gives { root, load() }; `changed()` is called where entries were let go of.
export function entries(context, signal, changed) {
  const chosen = new Set();
  const state = { limit: FIRST, shown: [], total: 0, turn: 0 };
  const search = element("input", { type: "search", maxlength: "200", autocomplete: "off", spellcheck: "false" });
  const model = select(modelsOf(context.session, []));
  const age = select(AGES);
  const order = select([["newest", "Newest first"], ["value", "Most valuable first"]]);
  const says = element("p", { class: "note", role: "status" });
  const more = button("Show more", () => { state.limit = Math.min(MOST, state.limit * 4); load(); });
  const evict = button("Let go of those chosen", () => evictChosen(), { disabled: true });
  const sweep = button("Let go of all by model and age …", () => evictAll());
  const all = element("input", { type: "checkbox", onchange: () => { state.shown.forEach((entry) => toggle(entry.id, all.checked)); draw(); } });
  const rows = table({
    caption: "Cached answers",
    empty: "No cached answer is like that.",
    columns: [
      { label: "Question", head: true, cell: (entry) => element("span", { class: "cache-question" }, box(entry), opener(entry)) },
      { label: "Model", cell: (entry) => element("span", { class: "cache-model" }, entry.model) },
      { label: "Kept for", number: true, cell: (entry) => lasting(entry.age_s) },
      { label: "Expires in", number: true, cell: (entry) => lasting(entry.expires_in_s) },
      { label: "Hits", number: true, cell: (entry) => count(entry.hits) },
      { label: "Saved", number: true, cell: (entry) => usd(entry.saved_usd) },
    ],
  });
  const trouble = element("div");
  const root = card("Entries", { wide: true, note: TENANT },
    element("form", { class: "filters", role: "search", onsubmit: (event) => { event.preventDefault(); load(); } },
      field("Search questions", search).root, field("Model", model).root, field("Age", age).root, field("Order", order).root),
    element("div", { class: "cache-act" }, element("label", {}, all, " Choose all shown"), evict, sweep, says),
    trouble, rows.root, element("div", { class: "pager" }, more));

  let waits;
  search.addEventListener("input", () => { clearTimeout(waits); waits = setTimeout(fresh, PATIENCE_MS); });
  for (const each of [model, age, order]) each.addEventListener("change", fresh);
  signal.addEventListener("abort", () => clearTimeout(waits));

  function fresh() {
    state.limit = FIRST;
    load();
  }
  const conditions = () => ({ model: model.value, older_than_s: age.value });

  async function load() {
    const own = ++state.turn;
    root.setAttribute("aria-busy", "true");
    const query = { ...conditions(), order: order.value, q: search.value.trim(), limit: state.limit, questions: true };
    try {
      const found = await context.api.call("GET", "cache/entries", { query, signal });
      if (own !== state.turn) return;
      Object.assign(state, { shown: found.entries, total: found.total, loading: found.loading });
      trouble.replaceChildren();
    } catch (error) {
      if (signal.aborted || own !== state.turn) return;
      if (error.status === 401) return context.refuse(error);
      Object.assign(state, { shown: [], total: 0 });
      replace(trouble, problem(error));
    }
    const known = new Set(state.shown.map((entry) => entry.id));
    root.setAttribute("aria-busy", "false");
    for (const id of chosen) if (!known.has(id)) chosen.delete(id);
    const wanted = model.value;
    replace(model, modelsOf(context.session, state.shown, wanted).map(([value, text]) => element("option", { value }, text)));
    model.value = wanted;
    draw();
  }

  function draw() {
    const active = document.activeElement?.dataset?.entry;
    rows.update(state.shown);
    if (active) rows.root.querySelector(`[data-entry="${active}"]`)?.focus();
    says.textContent = `${count(state.shown.length)} of ${count(state.total)} ${state.total === 1 ? "entry" : "entries"}`
      + (state.loading ? "; the file is still being read" : "") + (chosen.size ? `, ${count(chosen.size)} chosen` : "");
    evict.disabled = chosen.size === 0;
    all.checked = state.shown.length > 0 && chosen.size === state.shown.length;
    all.indeterminate = chosen.size > 0 && !all.checked;
    more.hidden = state.shown.length >= state.total || state.limit >= MOST;
  }

  function toggle(id, on) {
    if (on) chosen.add(id);
    else chosen.delete(id);
  }

  function box(entry) {
    return element("input", {
      type: "checkbox", checked: chosen.has(entry.id), "data-entry": entry.id, "aria-label": `Choose: ${short(entry, 80)}`,
      onchange: (event) => { toggle(entry.id, event.target.checked); draw(); },
    });
  }

  function opener(entry) {
    return button(short(entry), () => showEntry(context, entry.id, after), { kind: entry.question === null ? "plain note" : "plain", dir: "auto" });
  }

  async function evictChosen() {
    const ids = [...chosen];
    if (!await certain(ids.length)) return;
    let gone = 0;
    try {
      for (const id of ids) gone += (await context.api.call("DELETE", `cache/entries/${id}`)).evicted;
    } catch (error) {
      replace(trouble, problem(error));
    }
    chosen.clear();
    after(gone);
  }

  async function evictAll() {
    try {
      const meant = await context.api.call("GET", "cache/entries", { query: { ...conditions(), limit: 1 }, signal });
      if (meant.total === 0) return context.announce(says.textContent = "No cached answer has this model and age.");
      const which = `Of ${model.value || "any model"}, ${age.selectedOptions[0].textContent.toLowerCase()}; what is searched for does not matter. `;
      if (!await certain(meant.total, which)) return;
      after((await context.api.call("DELETE", "cache/entries", { query: conditions() })).evicted);
    } catch (error) {
      if (!signal.aborted) replace(trouble, problem(error));
    }
  }

  async function after(gone = 1) {
    context.announce(`${count(gone)} cached ${gone === 1 ? "answer was" : "answers were"} let go of.`);
    changed();
    await load();
    search.focus();
  }

  return { root, load };
}

function short(entry, chars = SHOWN_CHARS) {
  if (entry.question === null) return `Not kept (${entry.id.slice(0, 12)})`;
  const line = entry.question.replace(/\s+/g, " ").trim();
  return line.length > chars ? `${line.slice(0, chars)} …` : line || "(no words)";
}

function modelsOf({ models }, shown, chosen = "") {
  const names = new Set([models.weak, models.strong, chosen, ...shown.map((entry) => entry.model)].filter(Boolean));
  return [["", "Any model"], ...[...names].map((name) => [name, name])];
}
