// The shell of the console: which view is shown, who may see it, and what all views share.

import { Api, Refused } from "./api.js";
import { element, replace } from "./dom.js";
import { keyForm } from "./key.js";
import { VIEWS } from "./views.js";

const api = new Api();
const main = document.getElementById("main");
const announcements = document.getElementById("announcements");

let leave = () => {};
let shown = 0;

// Says something to who cannot see it change.
function announce(text) {
  announcements.textContent = text;
}

function place() {
  const [id, ...rest] = location.hash.replace(/^#\//, "").split("/").map(decodeURIComponent);
  return { view: VIEWS.find((view) => view.id === id) ?? VIEWS[0], rest };
}

async function show({ focus = true } = {}) {
  const turn = ++shown;
  leave();
  leave = () => {};
  const { view, rest } = place();
  mark(view);
  let session;
  try {
    session = await api.get("session");
  } catch (error) {
    if (turn === shown) refuse(error);
    return;
  }
  if (turn !== shown) return;
  document.getElementById("sign-out").hidden = !api.hasKey;
  document.title = `${view.title} – Underdog`;
  const root = element("section", { class: `view ${view.id}`, "aria-labelledby": "title" });
  root.append(element("h1", { id: "title", tabindex: "-1" }, view.title));
  replace(main, root);
  if (focus) root.querySelector("h1").focus({ preventScroll: true });
  leave = view.mount(root, { api, session, announce, place: rest, again: () => show({ focus: false }) }) ?? (() => {});
}

function refuse(error) {
  if (error instanceof Refused && (error.status === 401 || error.status === 403)) {
    replace(main, keyForm(error, (key) => { api.useKey(key); show(); }));
    return;
  }
  replace(main, element("p", { class: "wrong", role: "alert" }, `${error.message}`));
}

function mark(view) {
  for (const link of document.querySelectorAll("#views a")) {
    if (link.hash === `#/${view.id}`) link.setAttribute("aria-current", "page");
    else link.removeAttribute("aria-current");
  }
}

for (const view of VIEWS) {
  document.getElementById("views").append(element("li", {}, element("a", { href: `#/${view.id}` }, view.title)));
}
document.getElementById("sign-out").addEventListener("click", () => { api.useKey(null); show(); });
addEventListener("hashchange", () => show());
show({ focus: false });
