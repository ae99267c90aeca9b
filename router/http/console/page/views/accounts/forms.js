// Forms over the page: a key's or a team's, and the key itself, which is shown once.

import { button, copyable, dialog, field, problem, select } from "../../components.js";
import { element, replace } from "../../dom.js";

const PERIODS = [["day", "a day"], ["week", "a week"], ["month", "a month"]];
const WHEN_SPENT = [["refuse", "refuse requests"], ["weak", "use the weak model only"]];

// What both may have: [field of the API, label, control, hint].
const COMMON = [
  ["models", "Models", () => text({ placeholder: "any" }), "Names with commas between; * stands for any text."],
  ["requests_per_minute", "Requests a minute", () => number(1)],
  ["tokens_per_minute", "Tokens a minute", () => number(1)],
  ["concurrent_requests", "Requests at once", () => number(1)],
  ["budget_usd", "Budget in US dollars", () => element("input", { inputmode: "decimal", pattern: "[0-9]+([.][0-9]+)?", autocomplete: "off" }), "Such as 2.50; empty for none."],
  ["budget_period", "Budget for", () => select(PERIODS, { value: "month" })],
  ["budget_when_spent", "When it is spent", () => select(WHEN_SPENT, { value: "refuse" })],
];

// Asks for a key's or a team's fields, beginning with what `before` has; `send(body)` says what it throws in the form.
export function ask(title, kind, { before = null, teams = [], action, send }) {
  return new Promise((resolve) => {
    const fields = [...(kind === "key" ? ofKeys(teams, before) : ofTeams()), ...COMMON]
      .map(([name, label, make, hint]) => ({ name, ...field(label, make(), { hint: hint ?? null }) }));
    for (const each of fields) set(each, before);
    const trouble = element("div");
    const form = element("form", { class: "accounts-form", novalidate: true, onsubmit: (event) => { event.preventDefault(); submit(); } },
      fields.map((each) => each.root), trouble,
      element("div", { class: "buttons" }, element("button", { class: "main" }, action), button("Cancel", () => box.close())));
    const box = dialog(title, form);
    let made = null;
    box.addEventListener("close", () => resolve(made));

    async function submit() {
      replace(trouble);
      for (const each of fields) each.wrong(each.control.validationMessage || null);
      const wrong = fields.find((each) => each.control.validationMessage);
      if (wrong) { wrong.control.focus(); return; }
      try {
        made = await send(bodyOf(fields, before));
        box.close();
      } catch (error) {
        const meant = fields.find((each) => each.name === error.param);
        if (!meant) { replace(trouble, problem(error)); return; }
        meant.wrong(error.message);
        meant.control.focus();
      }
    }
  });
}

function ofKeys(teams, before) {
  return [
    ["name", "Name", () => text({ maxlength: 100 }), "For people; it may be left out."],
    ["team", "Team", () => select([["", "none"], ...teams.map((team) => [team.id, team.name])], { value: before?.team ?? "" })],
    ["user", "User", () => text({ maxlength: 200 }), "Any text of yours, for reports."],
    ["expires_at", "Ends at", () => element("input", { type: "datetime-local" }), "Empty for a key without an end."],
  ];
}

function ofTeams() {
  return [["name", "Name", () => text({ maxlength: 100, required: true })]];
}

function text(more) {
  return element("input", { type: "text", autocomplete: "off", spellcheck: "false", ...more });
}

function number(min) {
  return element("input", { type: "number", min, step: 1, inputmode: "numeric" });
}

function set({ name, control }, before) {
  const value = before?.[name];
  if (value === null || value === undefined) return;
  if (name === "models") control.value = value.join(", ");
  else if (name === "expires_at") control.value = localTime(value);
  else control.value = value;
}

// What is sent: of a new one what is given, of a changed one what differs, null where something was taken away.
function bodyOf(fields, before) {
  const given = Object.fromEntries(fields.map(({ name, control }) => [name, read(name, control.value.trim())]));
  if (given.budget_usd === null) { given.budget_period = null; given.budget_when_spent = null; }
  const same = (name) => JSON.stringify(given[name]) === JSON.stringify(before?.[name] ?? null);
  const kept = before === null ? ([, value]) => value !== null : ([name]) => !same(name) && !(name === "expires_at" && unmoved(given[name], before[name]));
  return Object.fromEntries(Object.entries(given).filter(kept));
}

function read(name, value) {
  if (value === "") return null;
  if (name === "models") return value.split(/[\s,]+/).filter(Boolean);
  if (name === "expires_at") return new Date(value).toISOString();
  return name.endsWith("_minute") || name === "concurrent_requests" ? Number(value) : value;
}

function unmoved(one, other) {
  return one !== null && other !== null && localTime(one) === localTime(other);
}

// As a control for local times has it: without seconds and without a zone.
function localTime(iso) {
  const at = new Date(iso);
  return new Date(at - at.getTimezoneOffset() * 60_000).toISOString().slice(0, 16);
}

// Shows a new key's text, this once; only its button closes it, since a key that is gone is gone.
export function showSecret(issued, title) {
  return new Promise((resolve) => {
    const box = dialog(title,
      element("p", { class: "accounts-once" }, "Copy it now: it is shown this once. The server keeps a digest of it, and cannot tell it again."),
      copyable(issued.key, { label: "Copy the key", block: true }),
      element("p", { class: "note" }, "Whoever has it asks at this server's expense. Callers send it as their API key."),
      element("div", { class: "buttons" }, button("I have kept it", () => box.close(), { kind: "main" })));
    box.addEventListener("cancel", (event) => event.preventDefault());
    box.addEventListener("close", () => resolve());
  });
}

// Asks for how long the secret before goes on; null where it is not to be rotated.
export function askGrace(name) {
  return new Promise((resolve) => {
    const grace = field("The secret before ends", select([["0", "at once"], ["3600", "in an hour"], ["86400", "in a day"], ["604800", "in a week"]]));
    let answer = null;
    const box = dialog(`Give ${name} a new secret?`,
      element("p", {}, "Its id, limits and history stay. Callers need the new one."),
      grace.root,
      element("div", { class: "buttons" },
        button("Give a new secret", () => { answer = Number(grace.control.value); box.close(); }, { kind: "main" }), button("Cancel", () => box.close())));
    box.addEventListener("close", () => resolve(answer));
  });
}
