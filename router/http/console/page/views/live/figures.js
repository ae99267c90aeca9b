// The last minute of this server, in figures that keep their places.

import { figure } from "../../components.js";
import { element } from "../../dom.js";
import * as format from "../../format.js";

const of = (counts, name) => counts?.[name] ?? 0;

export function liveFigures() {
  const made = {
    requests: figure("Requests"),
    weak: figure("To the weak", { kind: "weak" }),
    cache: figure("From the cache", { kind: "cached" }),
    spent: figure("Spent"),
    latency: figure("Latency, p50"),
    first: figure("First token, p50"),
    errors: figure("Errors"),
  };
  return {
    root: element("div", { class: "figures", role: "group", "aria-label": "The last minute" }, Object.values(made).map((one) => one.root)),
    update({ minute, in_flight, waiting }) {
      made.requests.set(format.count(minute.requests), `${in_flight} in flight\n${waiting} waiting`);
      const [weak, strong] = [of(minute.by_route, "weak"), of(minute.by_route, "strong")];
      made.weak.set(weak + strong ? format.share(weak / (weak + strong)) : format.UNKNOWN, `${weak} weak\n${strong} strong`);
      const [exact, semantic] = [of(minute.by_cache, "exact"), of(minute.by_cache, "semantic")];
      const looked = exact + semantic + of(minute.by_cache, "miss");
      made.cache.set(looked ? format.share((exact + semantic) / looked) : format.UNKNOWN, `${exact} exact\n${semantic} reworded`);
      made.spent.set(format.usd(minute.cost_usd), minute.saved_usd === null ? "" : `${format.usd(minute.saved_usd)} saved`);
      made.latency.set(format.ms(minute.latency_ms.p50), percentiles(minute.latency_ms));
      made.first.set(format.ms(minute.first_token_ms.p50), percentiles(minute.first_token_ms));
      made.errors.set(format.count(minute.errors), minute.requests ? `${format.share(minute.errors / minute.requests, 1)} of all` : "");
      made.errors.root.classList.toggle("wrong", minute.errors > 0);
    },
  };
}

function percentiles({ p95, p99 }) {
  return p95 === null ? "" : `p95 ${format.ms(p95)}\np99 ${format.ms(p99)}`;
}
