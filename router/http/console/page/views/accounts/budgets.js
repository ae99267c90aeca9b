// Budgets as bars: what is spent, what is held for requests under way, what is left, and when the period ends.

import { card, meter, shares } from "../../components.js";
import { element } from "../../dom.js";
import { lasting, moment, share, usd } from "../../format.js";

const AT_ONCE = 4;

// Fills in what is left of each one's budget: `places` is a list of [query, element], such as [{ key: "abc" }, cell].
export async function fillBudgets({ context, signal }, places) {
  const waiting = [...places];
  const fill = async () => {
    for (let next = waiting.shift(); next; next = waiting.shift()) {
      const [query, place] = next;
      try {
        // From now on there is no figure to add up: only how its budget stands is asked for.
        const found = await context.api.call("GET", "v1/usage", { query: { ...query, since: new Date().toISOString() }, signal });
        const own = found.budgets.find((budget) => budget.scope.startsWith(Object.keys(query)[0]));
        if (own) place.replaceChildren(small(own));
      } catch (error) {
        if (signal.aborted) return;
        place.replaceChildren(element("span", { class: "wrong" }, error.message));
      }
    }
  };
  await Promise.all(Array.from({ length: AT_ONCE }, fill));
}

// The budget of the server as a whole, where it has one.
export function serverBudget(budgets) {
  const own = budgets.find((budget) => budget.scope.startsWith("server"));
  if (!own) return [];
  const bar = shares("The server's budget");
  bar.update([
    { kind: "accent", label: "Spent", value: Number(own.spent_usd), text: usd(own.spent_usd) },
    { kind: "warn", label: "Held for requests under way", value: Number(own.reserved_usd), text: usd(own.reserved_usd) },
    { kind: "left", label: "Left", value: Math.max(0, Number(own.left_usd)), text: usd(own.left_usd) },
  ]);
  return [card("The server's budget", { note: `${usd(own.usd)} from ${moment(own.starts)} to ${moment(own.ends)}; it begins anew in ${ends(own)}.` }, bar.root)];
}

function small(budget) {
  const [whole, spent, held] = [budget.usd, budget.spent_usd, budget.reserved_usd].map(Number);
  const part = whole > 0 ? spent / whole : 1;
  const says = `${usd(spent)} of ${usd(whole)}${held > 0 ? `, ${usd(held)} held` : ""}`;
  return element("div", { class: "accounts-bar" },
    meter(part, { mark: held > 0 ? (spent + held) / whole : null, kind: part >= 1 ? "wrong" : "accent", label: `${share(part)} of the budget is spent` }),
    element("span", {}, says), element("span", { class: "note" }, `anew in ${ends(budget)}`));
}

function ends(budget) {
  return lasting((new Date(budget.ends) - Date.now()) / 1000);
}
