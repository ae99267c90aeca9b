// What views are made of. Each gives an element, or an object whose `root` is one; text is only ever text.

import { element, replace } from "./dom.js";

let made = 0;

// An id that no other element of the page has.
export function fresh(prefix) {
  made += 1;
  return `${prefix}-${made}`;
}

// A panel with a heading; `wide` takes the whole row of a `.grid`.
export function card(title, { note = null, wide = false, actions = [] } = {}, ...children) {
  const id = fresh("card");
  return element("section", { class: wide ? "card wide" : "card", "aria-labelledby": id },
    element("header", { class: "card-head" }, element("h2", { id }, title), actions.length ? element("div", { class: "actions" }, actions) : null),
    note ? element("p", { class: "note" }, note) : null,
    children,
  );
}

// A big figure with its name above and a small explanation below: figure("Cost").set("$1.20", "today").
export function figure(label, { kind = null } = {}) {
  const value = element("span", { class: "value" }, "–");
  const note = element("span", { class: "note" }, "\u00a0");
  const root = element("div", { class: kind ? `figure ${kind}` : "figure" }, element("span", { class: "label" }, label), value, note);
  return {
    root,
    set(text, explanation = "") {
      if (value.textContent !== text) value.textContent = text;
      if (note.textContent !== explanation) note.textContent = explanation || "\u00a0";
    },
  };
}

// A table that becomes a list of cards on a phone. A column: { label, cell(row) -> text or node, number, wide, head }: `number`
// aligns right, `wide` takes a line of a card, `head` names the row (one column). `update(rows)` draws it anew; `empty` is said where there are none.
export function table({ caption, columns, rows = [], empty = "There is nothing here." }) {
  const body = element("tbody", { role: "rowgroup" });
  const nothing = element("p", { class: "nothing" }, empty);
  const kind = (column) => ([column.number && "number", column.wide && "wide"].filter(Boolean).join(" ") || null);
  const root = element("div", { class: "table" },
    element("table", { role: "table" },
      element("caption", { class: "unseen" }, caption),
      element("thead", { role: "rowgroup" }, element("tr", { role: "row" },
        columns.map((column) => element("th", { scope: "col", role: "columnheader", class: kind(column) },
          column.label || element("span", { class: "unseen" }, column.said ?? "Actions"))))),
      body,
    ),
    nothing,
  );
  const cell = (column, row) => element(column.head ? "th" : "td", {
    scope: column.head ? "row" : null, role: column.head ? "rowheader" : "cell", class: kind(column), "data-label": column.label || null,
  }, column.cell(row));
  const draw = (row) => element("tr", { role: "row" }, columns.map((column) => cell(column, row)));
  const shown = (some) => { root.firstChild.hidden = !some; nothing.hidden = some; };
  const update = (all) => { replace(body, all.map(draw)); shown(all.length > 0); };
  update(rows);
  return {
    root,
    update,
    // Puts new rows on top and lets go of those beyond `most`: for what never ends.
    prepend(some, most) {
      body.prepend(...some.map(draw));
      while (body.children.length > most) body.lastChild.remove();
      shown(body.children.length > 0);
    },
  };
}

// Names and their values, such as the facts of one thing: facts([["Model", "gpt-4.1"], ...]); null leaves a line out.
export function facts(pairs) {
  return element("dl", { class: "facts" }, pairs.filter((pair) => pair !== null).map(([name, value]) =>
    element("div", {}, element("dt", {}, name), element("dd", {}, value ?? "–"))));
}

// A question over the page; resolves to true where the action's button was pressed. Escape and Cancel say no.
export function confirm({ title, text, action, dangerous = false }) {
  return new Promise((resolve) => {
    const box = dialog(title, element("p", {}, text), element("div", { class: "buttons" },
      button(action, () => { box.returnValue = "yes"; box.close(); }, { kind: dangerous ? "dangerous" : "main" }),
      // Enter, pressed in haste, must not be what cannot be taken back.
      button("Cancel", () => box.close(), { autofocus: dangerous }),
    ));
    box.addEventListener("close", () => resolve(box.returnValue === "yes"));
  });
}

// A box over the page, open at once; it goes from the page when it is closed, and the focus goes back to where it was.
export function dialog(title, ...children) {
  const id = fresh("dialog");
  const box = element("dialog", { "aria-labelledby": id }, element("h2", { id }, title), children);
  const before = document.activeElement;
  box.addEventListener("close", () => {
    box.remove();
    // Browsers have put the focus back by now, and whoever is quick has moved it since.
    if (document.activeElement === document.body && before?.isConnected) before.focus();
  });
  document.body.append(box);
  box.showModal();
  return box;
}

export function button(text, onclick, { kind = "", ...attributes } = {}) {
  return element("button", { type: "button", class: kind || null, onclick, ...attributes }, text);
}

// A control with its label, a hint, and a place for what is wrong with it: field("Name", input).wrong("It is taken.").
export function field(label, control, { hint = null } = {}) {
  control.id ||= fresh("field");
  const wrong = element("p", { class: "wrong", id: `${control.id}-wrong`, role: "alert" });
  const says = hint ? element("p", { class: "note", id: `${control.id}-hint` }, hint) : null;
  control.setAttribute("aria-describedby", `${hint ? `${control.id}-hint ` : ""}${control.id}-wrong`);
  const root = element("div", { class: "field" }, element("label", { for: control.id }, label), control, says, wrong);
  return {
    root,
    control,
    wrong(text) {
      wrong.textContent = text ?? "";
      if (text) control.setAttribute("aria-invalid", "true");
      else control.removeAttribute("aria-invalid");
    },
  };
}

// A choice of [value, text] pairs.
export function select(options, { value = "", ...attributes } = {}) {
  return element("select", attributes, options.map(([key, text]) => element("option", { value: key, selected: key === value }, text)));
}

// Newer and older, as buttons; update({ newer, older }) says which there are.
export function pager({ newer, older }) {
  const back = button("← Newer", newer);
  const on = button("Older →", older);
  const says = element("span", { class: "note" });
  return {
    root: element("nav", { class: "pager", "aria-label": "Pages" }, back, on, says),
    update(state, text = "") { back.disabled = !state.newer; on.disabled = !state.older; says.textContent = text; },
  };
}

// One word with a mark before it, since colours are never the only sign: badge("weak", "weak").
const MARKS = { weak: "▽", strong: "▲", cached: "◆", named: "●", good: "✓", wrong: "✕", warn: "!", quiet: "○" };

export function badge(kind, text, mark = MARKS[kind] ?? "○") {
  return element("span", { class: `badge ${kind}` }, element("span", { class: "mark", "aria-hidden": "true" }, mark), text);
}

// A part that opens; what is in it is drawn when it is opened first, by `draw(part)`, or given.
export function details(summary, content, { open = false } = {}) {
  const inside = element("div", { class: "inside" });
  const root = element("details", { open }, element("summary", {}, summary), inside);
  if (typeof content !== "function") inside.append(content);
  else root.addEventListener("toggle", () => { if (root.open && !inside.firstChild) content(inside); });
  return root;
}

// Text to copy, with a button that says so.
export function copyable(text, { label = "Copy", block = false } = {}) {
  const copy = button(label, async () => {
    copy.textContent = (await copied(text)) ? "Copied" : "Select it and copy";
    setTimeout(() => { copy.textContent = label; }, 2000);
  }, { kind: "small" });
  return block
    ? element("div", { class: "copyable block" }, element("pre", { tabindex: "0" }, element("code", {}, text)), copy)
    : element("span", { class: "copyable" }, element("code", {}, text), copy);
}

// The clipboard is closed to pages that came unencrypted from another machine.
async function copied(text) {
  try {
    await navigator.clipboard.writeText(text);
    return true;
  } catch {
    return false;
  }
}

// What is said where there is nothing yet, and what to do about it.
export function empty(title, ...children) {
  return element("div", { class: "empty" }, element("h2", {}, title), children);
}

// What went wrong, told at once to who cannot see it.
export function problem(error) {
  return element("p", { class: "problem", role: "alert" }, error.message);
}

// A bar whose parts are shares of a whole, with a legend in words: update([{ kind, label, value, text }]).
export function shares(label) {
  const bar = element("div", { class: "shares", "aria-hidden": "true" });
  const legend = element("ul", { class: "legend", "aria-label": label });
  return {
    root: element("div", {}, bar, legend),
    update(parts) {
      const whole = parts.reduce((sum, part) => sum + part.value, 0) || 1;
      replace(bar, parts.filter((part) => part.value > 0).map((part) => {
        const piece = element("span", { class: `part ${part.kind}` });
        piece.style.flexGrow = String(part.value / whole);
        return piece;
      }));
      replace(legend, parts.map((part) => element("li", {}, badge(part.kind, part.label), " ", element("b", {}, part.text))));
    },
  };
}

// A horizontal bar from 0 to 1, a mark on it where one is given; who cannot see it reads `label`.
export function meter(value, { mark = null, kind = "accent", label }) {
  const fill = element("span", { class: `fill ${kind}` });
  fill.style.width = `${100 * Math.min(1, Math.max(0, value))}%`;
  const line = mark === null ? null : element("span", { class: "line" });
  if (line) line.style.left = `${100 * Math.min(1, Math.max(0, mark))}%`;
  return element("div", { class: "meter", role: "img", "aria-label": label }, fill, line);
}
