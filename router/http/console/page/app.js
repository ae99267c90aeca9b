// The shell of the console: which view is shown, who may see it, and what all views share.

import { Api, Refused } from "./api.js";
import { button, problem } from "./components.js";
import { element, replace } from "./dom.js";
import { keyForm } from "./key.js";
import { load, VIEWS } from "./views.js";

const api = new Api();
const main = document.getElementById("main");
const announcements = document.getElementById("announcements");
const server = document.getElementById("server");
const signOut = document.getElementById("sign-out");

let leave = () => {};
let shown = 0;

// Says something to who cannot see it change.
function announce(text) {
  announcements.textContent = text;
}

function place() {
  const [path, query = ""] = location.hash.replace(/^#\//, "").split("?");
  const [id, ...rest] = path.split("/").map(decoded);
  return {
    view: VIEWS.find((view) => view.id === id) ?? VIEWS[0],
    rest: rest.filter((part) => part !== ""),
    query: Object.fromEntries(new URLSearchParams(query)),
  };
}

function decoded(part) {
  try {
    return decodeURIComponent(part);
  } catch {
    return part;
  }
}

async function show({ focus = true } = {}) {
  const turn = ++shown;
  leave();
  leave = () => {};
  const { view, rest, query } = place();
  mark(view);
  document.title = `${view.title} – Underdog`;
  let session, mount;
  try {
    const loading = load(view);
    // Where both fail, the server's words are the better ones.
    loading.catch(() => {});
    session = await api.get("session");
    ({ mount } = await loading);
  } catch (error) {
    if (turn === shown) refuse(error);
    return;
  }
  if (turn !== shown) return;
  signOut.hidden = !api.hasKey;
  describe(session);
  const head = element("div", { class: "view-head" }, element("h1", { id: "title", tabindex: "-1" }, view.title));
  const root = element("section", { class: `view ${view.id}`, "aria-labelledby": "title" }, head);
  replace(main, root);
  if (focus) root.querySelector("h1").focus({ preventScroll: true });
  if (focus) scrollTo(0, 0);
  const again = () => show({ focus: false });
  leave = mount(root, { api, session, announce, head, place: rest, query, again, refuse }) ?? (() => {});
}

// Where the server would not say: asks for a key where one is missing, else says what is wrong and offers another try.
function refuse(error) {
  shown += 1;
  leave();
  leave = () => {};
  signOut.hidden = !api.hasKey;
  if (error instanceof Refused && (error.status === 401 || error.status === 403)) {
    replace(main, keyForm(error, { had: api.hasKey, use: (key) => { api.useKey(key); show(); } }));
    main.querySelector("input").focus();
    return;
  }
  replace(main, element("div", { class: "view" }, problem(error), element("div", {}, button("Try again", () => show()))));
}

// Who answers, below the menu.
function describe(session) {
  const { weak, strong } = session.models;
  replace(server,
    element("p", {}, `Underdog ${session.version}`),
    element("p", {}, `Classifier ${session.artifact}`),
    element("p", {}, weak ? `Weak: ${weak}` : "No weak model"),
    element("p", {}, strong ? `Strong: ${strong}` : "No strong model"),
    element("p", {}, session.open ? "Open to this machine" : "Closed: asks for keys"));
}

function mark(view) {
  for (const link of document.querySelectorAll("#views a")) {
    const now = link.hash === `#/${view.id}`;
    if (now) link.setAttribute("aria-current", "page");
    else link.removeAttribute("aria-current");
    // On a phone the menu is wider than the screen.
    if (now) link.parentElement.parentElement.parentElement.scrollLeft = link.offsetLeft - 60;
  }
}

for (const view of VIEWS) {
  document.getElementById("views").append(element("li", {}, element("a", { href: `#/${view.id}` }, view.title)));
}
signOut.addEventListener("click", () => { api.useKey(null); show(); });
document.querySelector(".skip").addEventListener("click", (event) => { event.preventDefault(); main.focus(); });
addEventListener("hashchange", () => show());
show({ focus: false });
