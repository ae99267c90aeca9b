// The teams of this server, whose keys share limits, a budget and what is cached.

import { button, card, confirm, problem, table } from "../../components.js";
import { element, replace } from "../../dom.js";
import { fillBudgets } from "./budgets.js";
import { ask } from "./forms.js";
import { budgetPlace, limits } from "./keys.js";

const MOST = 1000;

// Gives { root, load() }; what it loads is in `shared.teams`.
export function teams(shared) {
  const { context, signal } = shared;
  const begin = button("Make a team", () => make());
  const trouble = element("div");
  const rows = table({
    caption: "Teams",
    empty: "There is no team. The keys of one share its limits, its budget, and what is cached for them.",
    columns: [
      { label: "Team", head: true, cell: (team) => element("span", { class: "accounts-name", dir: "auto" }, team.name) },
      { label: "Limits", cell: limits },
      { label: "Budget", cell: budgetPlace },
      { label: "", said: "What to do", wide: true, cell: (team) => actions(team) },
    ],
  });
  const root = card("Teams", { wide: true, actions: [begin] }, trouble, rows.root);

  async function load() {
    const found = await context.api.call("GET", "admin/teams", { query: { limit: MOST }, signal });
    shared.teams.splice(0, shared.teams.length, ...found.data);
    rows.update(shared.teams);
    replace(trouble);
    fillBudgets(shared, shared.teams.filter((team) => team.budget_usd !== null)
      .map((team) => [{ team: team.id }, rows.root.querySelector(`[data-budget="${team.id}"]`)]));
  }

  function actions(team) {
    const does = (text, act) => button(text, act, { kind: "small", "aria-label": `${text} the team ${team.name}` });
    return element("span", { class: "actions" }, does("Change", () => change(team)), does("Delete", () => remove(team)));
  }

  async function make() {
    const send = (body) => context.api.call("POST", "admin/teams", { body });
    if (await ask("Make a team", "team", { action: "Make it", send })) await done("The team was made.");
  }

  async function change(team) {
    const send = (body) => context.api.call("PATCH", `admin/teams/${team.id}`, { body });
    if (await ask(`Change ${team.name}`, "team", { before: team, action: "Change it", send })) await done("The team was changed.");
  }

  async function remove(team) {
    const sure = await confirm({
      title: `Delete ${team.name}?`,
      text: "At once and for good, and all its keys are revoked with it. Its requests stay in the ledger.",
      action: "Delete it", dangerous: true,
    });
    if (!sure) return;
    try {
      await context.api.call("DELETE", `admin/teams/${team.id}`);
      await done("The team was deleted, and its keys were revoked.");
    } catch (error) {
      if (!signal.aborted) replace(trouble, problem(error));
    }
  }

  async function done(said) {
    context.announce(said);
    await shared.changed();
    begin.focus();
  }

  return { root, load };
}
