// Keys and budgets: what was used and by whom, what is left of budgets, and the keys and teams of this server.

import { card, problem } from "../components.js";
import { element, replace } from "../dom.js";
import { serverBudget } from "./accounts/budgets.js";
import { keys } from "./accounts/keys.js";
import { teams } from "./accounts/teams.js";
import { usage } from "./accounts/usage.js";

export const view = {
  mount(root, context) {
    const life = new AbortController();
    const shared = { context, signal: life.signal, teams: [], keys: [], changed: () => {} };
    const used = usage(shared);
    const budget = element("div", { class: "accounts-budget", "aria-busy": "true" });
    if (!context.session.may.administer) {
      root.append(notYours(context.session), used.root);
      used.load();
      return () => { life.abort(); used.end(); };
    }
    const theirTeams = teams(shared);
    const theirKeys = keys(shared);
    shared.changed = load;
    root.append(budget, theirKeys.root, theirTeams.root, used.root);

    async function load() {
      try {
        // Keys are told with their teams' names, and usage with the keys'.
        await theirTeams.load();
        await theirKeys.load();
        await used.load();
        replace(budget, ...serverBudget(used.budgets()));
      } catch (error) {
        if (life.signal.aborted) return;
        if (error.status === 401 || error.status === 403) context.refuse(error);
        else replace(budget, problem(error));
      }
      budget.setAttribute("aria-busy", "false");
    }
    load();
    return () => { life.abort(); used.end(); };
  },
};

function notYours({ open }) {
  const now = open
    ? "This server is open: whoever is on this machine may ask, and nobody has a key of their own."
    : "You opened the console with the key that all callers share.";
  return card("Keys and teams", { wide: true },
    element("p", {}, `${now} Keys, teams and their budgets are for the master key alone.`),
    element("p", {}, "To have them, set ", element("code", {}, "UNDERDOG_MASTER_KEY"), " (or ", element("code", {}, "master_key"),
      " in the settings' file), start the server again, and open the console with that key. From then on it turns away whoever has none."),
    element("p", { class: "note" }, "On the command line, 'underdog keys' and 'underdog teams' do the same on the server's machine."));
}
