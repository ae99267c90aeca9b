// The keys of this server: listed, made, changed, given a new secret, revoked.

import { badge, button, card, confirm, problem, select, table } from "../../components.js";
import { element, replace } from "../../dom.js";
import { count, day, moment } from "../../format.js";
import { fillBudgets } from "./budgets.js";
import { ask, askGrace, showSecret } from "./forms.js";

const PAGE = 100;
const STATES = { active: "good", blocked: "warn", expired: "quiet", revoked: "wrong" };

// Gives { root, load() }; what it loads is in `shared.keys`.
export function keys(shared) {
  const { context, signal } = shared;
  const which = select([["no", "In use"], ["yes", "Revoked"], ["any", "All"]], { "aria-label": "Which keys" });
  const more = button("Show more", () => load(true));
  const begin = button("Make a key", () => make(), { kind: "main" });
  const trouble = element("div");
  const rows = table({
    caption: "Keys",
    empty: "There is no key like that. Make one for each caller, so that it can be told apart, limited and ended.",
    columns: [
      { label: "Key", head: true, cell: (key) => element("span", { class: "accounts-key" },
        element("span", { class: "accounts-name", dir: "auto" }, nameOf(key)), element("code", { class: "note" }, `${key.label}…`)) },
      { label: "State", cell: (key) => badge(STATES[key.state] ?? "quiet", key.state) },
      { label: "Team and user", cell: (key) => whose(key, shared.teams) },
      { label: "Limits", cell: (key) => limits(key) },
      { label: "Budget", cell: (key) => budgetPlace(key) },
      { label: "", said: "What to do", wide: true, cell: (key) => actions(key) },
    ],
  });
  const root = card("Keys", { wide: true, actions: [which, begin] }, trouble, rows.root, element("div", { class: "pager" }, more));
  which.addEventListener("change", () => load());

  async function load(further = false) {
    try {
      const after = further ? shared.keys.at(-1)?.id : undefined;
      const found = await context.api.call("GET", "admin/keys", { query: { revoked: which.value, limit: PAGE, after }, signal });
      // The usage's table looks its keys up in the same list.
      shared.keys.splice(0, shared.keys.length, ...(further ? shared.keys : []), ...found.data);
      more.hidden = !found.has_more;
      rows.update(shared.keys);
      replace(trouble);
      fillBudgets(shared, shared.keys.filter((key) => key.budget_usd !== null && key.state !== "revoked")
        .map((key) => [{ key: key.id }, rows.root.querySelector(`[data-budget="${key.id}"]`)]));
    } catch (error) {
      fails(error);
    }
  }

  function fails(error) {
    if (!signal.aborted) replace(trouble, problem(error));
  }

  function actions(key) {
    if (key.state === "revoked") return element("span", { class: "note" }, moment(key.revoked_at));
    const called = `the key ${nameOf(key)}`;
    const does = (text, act) => button(text, act, { kind: "small", "aria-label": `${text} ${called}` });
    return element("span", { class: "actions" }, does("Change", () => change(key)), does("Rotate", () => rotate(key)),
      does(key.blocked ? "Unblock" : "Block", () => block(key)), does("Revoke", () => revoke(key)));
  }

  async function make() {
    const issued = await ask("Make a key", "key", { teams: shared.teams, action: "Make it", send: (body) => context.api.call("POST", "admin/keys", { body }) });
    if (issued === null) return;
    await showSecret(issued, "The new key");
    await done("The key was made.");
  }

  async function change(key) {
    const send = (body) => context.api.call("PATCH", `admin/keys/${key.id}`, { body });
    if (await ask(`Change ${nameOf(key)}`, "key", { before: key, teams: shared.teams, action: "Change it", send })) await done("The key was changed.");
  }

  async function rotate(key) {
    const grace = await askGrace(nameOf(key));
    if (grace === null) return;
    try {
      const issued = await context.api.call("POST", `admin/keys/${key.id}/rotate`, { body: { grace_s: grace } });
      await showSecret(issued, "The new secret");
      await done("The key has a new secret.");
    } catch (error) {
      fails(error);
    }
  }

  async function block(key) {
    await attempt(() => context.api.call("PATCH", `admin/keys/${key.id}`, { body: { blocked: !key.blocked } }),
      key.blocked ? "The key is let in again." : "The key is not let in for now.");
  }

  async function revoke(key) {
    const sure = await confirm({
      title: `Revoke ${nameOf(key)}?`,
      text: "At once and for good: its callers are turned away from the next request on, and it cannot be brought back. Its requests stay in the ledger.",
      action: "Revoke it", dangerous: true,
    });
    if (sure) await attempt(() => context.api.call("DELETE", `admin/keys/${key.id}`), "The key was revoked.");
  }

  async function attempt(call, said) {
    try {
      await call();
      await done(said);
    } catch (error) {
      fails(error);
    }
  }

  async function done(said) {
    context.announce(said);
    await shared.changed();
    // The rows were drawn anew, and with them went the button that was pressed.
    begin.focus();
  }

  return { root, load };
}

export function nameOf(account) {
  return account.name ?? account.id;
}

function whose(key, teams) {
  const team = key.team === null ? null : teams.find((each) => each.id === key.team)?.name ?? key.team;
  const names = [team, key.user].filter((name) => name !== null);
  return names.length ? names.map((name) => element("div", { class: "accounts-name", dir: "auto" }, name)) : "–";
}

// Where the bar of a budget is to be put once it is known.
export function budgetPlace(account) {
  return element("div", { "data-budget": account.id }, account.budget_usd === null ? "none" : "…");
}

export function limits(account) {
  const said = [
    account.requests_per_minute && `${count(account.requests_per_minute)} requests/min`,
    account.tokens_per_minute && `${count(account.tokens_per_minute)} tokens/min`,
    account.concurrent_requests && `${count(account.concurrent_requests)} at once`,
    account.models && account.models.join(", "),
    account.expires_at && `until ${day(account.expires_at)}`,
    account.privacy === "local-only" && "local only",
  ].filter(Boolean);
  return said.length ? element("ul", { class: "accounts-limits" }, said.map((each) => element("li", {}, each))) : "none";
}
