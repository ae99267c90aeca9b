// Good or bad: what the operator thinks of an answer. The other button changes it.

import { button, problem } from "../../components.js";
import { element, replace } from "../../dom.js";

const RATINGS = { good: "Good answer", bad: "Bad answer" };

export function rating(request, { api, announce }) {
  const wrong = element("div");
  const says = element("p", { class: "note" });
  const buttons = Object.entries(RATINGS).map(([name, text]) => button(text, () => rate(name), { "data-rating": name, "aria-pressed": "false" }));

  function show(now) {
    for (const one of buttons) one.setAttribute("aria-pressed", String(one.dataset.rating === now));
    says.textContent = now ? `Rated ${now}. The other button changes it.` : "Not rated yet. A bad answer leaves the cache.";
  }
  async function rate(name) {
    for (const one of buttons) one.setAttribute("aria-disabled", "true");
    try {
      const kept = await api.send("POST", `requests/${encodeURIComponent(request.request_id)}/rating`, { rating: name });
      replace(wrong);
      show(kept.rating);
      announce(`Rated ${kept.rating}`);
    } catch (error) {
      replace(wrong, problem(error));
    }
    for (const one of buttons) one.removeAttribute("aria-disabled");
  }
  show(request.rating);
  return element("div", { class: "rating-form" }, element("div", { class: "buttons", role: "group", "aria-label": "Rate the answer" }, buttons), says, wrong);
}
