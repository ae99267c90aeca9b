// The newest requests, newest first. They hold still while somebody points at one or has the focus there.

import { table } from "../../components.js";
import { element } from "../../dom.js";
import * as format from "../../format.js";
import { answeredBy, outcome, requestLink, why, winRate } from "../lines.js";

const MOST = 25;

export function ticker() {
  const lines = table({
    caption: "The newest requests",
    columns: [
      { label: "Time", head: true, cell: (line) => requestLink(line, format.time(line.at)) },
      { label: "Answered by", cell: answeredBy },
      { label: "Why", cell: why },
      { label: "Win rate", number: true, cell: winRate },
      { label: "Latency", number: true, cell: (line) => format.ms(line.latency_ms) },
      { label: "Cost", number: true, cell: (line) => format.usd(line.cost_usd) },
      { label: "Outcome", cell: outcome },
    ],
    empty: "No requests since this server started.",
  });
  const held = element("span", { class: "note" });
  const shown = new Set();
  let waiting = [];
  let pointed = false;

  function holds() {
    return pointed || lines.root.contains(document.activeElement);
  }
  function flow() {
    if (holds()) {
      held.textContent = waiting.length ? `${waiting.length} more, held while you look` : "";
      return;
    }
    held.textContent = "";
    lines.prepend(waiting.slice(-MOST).reverse(), MOST);
    waiting = [];
  }
  lines.root.addEventListener("pointerenter", (event) => { pointed = event.pointerType === "mouse"; });
  lines.root.addEventListener("pointerleave", () => { pointed = false; flow(); });
  lines.root.addEventListener("focusout", () => setTimeout(flow));

  return {
    root: lines.root,
    held,
    // After a new connection the last fifty come again.
    add(some) {
      const fresh = some.filter((line) => !shown.has(line.request_id));
      for (const line of fresh) shown.add(line.request_id);
      waiting.push(...fresh);
      for (const id of shown) { if (shown.size <= 500) break; shown.delete(id); }
      flow();
    },
  };
}
