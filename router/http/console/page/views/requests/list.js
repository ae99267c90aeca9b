// The list of requests, newest first. What is searched for stands in the address, so that it can be kept and sent.

import { button, details, field, pager, problem, select, table } from "../../components.js";
import { element, replace } from "../../dom.js";
import * as format from "../../format.js";
import { CACHE, OUTCOMES, REASONS } from "../../words.js";
import { answeredBy, outcome, requestLink, why, winRate } from "../lines.js";

const LIMIT = 50;

const COLUMNS = [
  { label: "Time", head: true, cell: (line) => requestLink(line, format.moment(line.at)) },
  { label: "Answered by", cell: answeredBy },
  { label: "Why", cell: why },
  { label: "Win rate", number: true, cell: winRate },
  { label: "Cost", number: true, cell: (line) => format.usd(line.cost_usd) },
  { label: "Saved", number: true, cell: (line) => format.usd(line.saved_usd) },
  { label: "Latency", number: true, cell: (line) => format.ms(line.latency_ms) },
  { label: "Caller", cell: (line) => line.tenant },
  { label: "Outcome", cell: (line) => [outcome(line), line.rating ? element("span", { class: "rating" }, line.rating === "good" ? " rated good" : " rated bad") : null] },
];

const choices = (words) => [["", "any"], ...Object.entries(words)];

const FILTERS = {
  route: ["Route", () => select(choices({ weak: "weak", strong: "strong", named: "named" }))],
  reason: ["Reason", () => select(choices(REASONS))],
  cache: ["Cache", () => select(choices(CACHE))],
  outcome: ["Outcome", () => select(choices(OUTCOMES))],
  model: ["Model", () => element("input", { type: "text", spellcheck: "false", autocomplete: "off" })],
  tenant: ["Caller", () => element("input", { type: "text", spellcheck: "false", autocomplete: "off", placeholder: "team:… or key:…" })],
  id: ["Request id", () => element("input", { type: "text", spellcheck: "false", autocomplete: "off" })],
};

// An address may ask for what no choice has; it is searched for, and so it is shown.
function offer(control, wanted) {
  if (!Array.from(control.options).some((option) => option.value === wanted)) control.append(element("option", { value: wanted }, wanted));
}

// A page may be short, or empty, where few requests are like that: the next goes on from where it looked.
const says = (found) => (found.requests.length === 0 && found.next !== null ? "None so far; older ones may be." : `${found.requests.length} on this page`);

export function list(root, { api, announce, query }) {
  const asked = Object.fromEntries(Object.keys(FILTERS).map((name) => [name, query[name] ?? ""]));
  // Cursors of this page and of those before it; the first page has none.
  let pages = [query.before ?? null];
  let turn = 0;

  const lines = table({ caption: "Requests, newest first", columns: COLUMNS, empty: "No request is like that." });
  const paging = pager({ newer: () => go(pages.slice(0, -1)), older: () => go([...pages, next]) });
  const wrong = element("div");
  const body = element("div", { class: "card", "aria-busy": "true" }, lines.root, paging.root);
  let next = null;

  const fields = Object.entries(FILTERS).map(([name, [label, make]]) => {
    const control = make();
    control.name = name;
    if (control.tagName === "SELECT") offer(control, asked[name]);
    control.value = asked[name];
    if (control.tagName === "SELECT") control.addEventListener("change", search);
    return field(label, control);
  });
  const controls = element("div", { class: "filters" }, fields.map((one) => one.root),
    element("div", { class: "buttons" }, element("button", { class: "main" }, "Search"), button("Clear", clear)));
  // On a phone it would push the requests off the screen.
  const open = matchMedia("(min-width: 44rem)").matches || Object.values(asked).some((value) => value !== "");
  const form = element("form", { class: "card search", role: "search", "aria-label": "Search requests", onsubmit: (event) => { event.preventDefault(); search(); } },
    details("Search", controls, { open }));
  root.append(form, wrong, body);

  function search() {
    for (const { control } of fields) asked[control.name] = control.value.trim();
    go([null]);
  }
  function clear() {
    for (const { control } of fields) control.value = "";
    search();
  }
  function go(to) {
    pages = to.length ? to : [null];
    remember();
    load();
  }
  function remember() {
    const kept = new URLSearchParams(Object.entries({ ...asked, before: pages.at(-1) ?? "" }).filter(([, value]) => value !== ""));
    history.replaceState(null, "", `#/requests${kept.size ? `?${kept}` : ""}`);
  }
  async function load() {
    const mine = ++turn;
    body.setAttribute("aria-busy", "true");
    try {
      const found = await api.get("requests", { ...asked, limit: LIMIT, before: pages.at(-1) });
      if (mine !== turn) return;
      next = found.next;
      replace(wrong);
      lines.update(found.requests);
      // Who came by an address with a page in it goes back to the first.
      paging.update({ newer: pages.at(-1) !== null, older: next !== null }, says(found));
      announce(`${found.requests.length} requests`);
    } catch (error) {
      if (mine === turn) replace(wrong, problem(error));
    }
    if (mine === turn) body.setAttribute("aria-busy", "false");
  }
  load();
  return () => { turn += 1; };
}
