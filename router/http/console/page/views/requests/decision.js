// Why a request went where it went, in one sentence.

import * as format from "../../format.js";
import { isCached } from "../lines.js";

const to = (request) => (request.route === "named" ? `Went to ${request.model}` : `Went to the ${request.route} model`);
const other = (request) => (request.route === "weak" ? "strong" : "weak");

const BY_REASON = {
  "win-rate": (request) => `${to(request)}: ${compared(request)}.`,
  pinned: (request) => `${to(request)}, which the caller asked for by name.`,
  unfamiliar: (request) => `${to(request)}: the prompt is unlike all that the classifier was trained on, so its win rate was not heeded.`,
  rule: (request) => `${to(request)} by a rule of yours${request.rule ? ` (${request.rule})` : ""}${after(request)}.`,
  hook: (request) => `${to(request)} by your hook${after(request)}.`,
  key: (request) => `${to(request)}: the bounds of the caller's key moved the threshold, and ${compared(request)}.`,
  paced: (request) => `${to(request)}: the threshold was moved so that the budget lasts, and ${compared(request)}.`,
  capability: (request) => `${to(request)}, since the ${other(request)} one does not take what the request needs.`,
  context: (request) => `${to(request)}, since the prompt may be too long for the ${other(request)} one.`,
  sticky: (request) => `${to(request)}: leaving the strong model's prompt cache would have cost more than the weak one saves.`,
  "no-strong-model": (request) => `${to(request)}: the strong one was due, and none is set.`,
  "no-weak-model": (request) => `${to(request)}: the weak one was due, and none is set.`,
  "strong-failed": (request) => `${to(request)}, after the strong one had failed.`,
  "weak-failed": (request) => `${to(request)}, after the weak one had failed.`,
  "context-fallback": (request) => `${to(request)}, after the ${other(request)} one had found the prompt too long.`,
  "content-filter-fallback": (request) => `${to(request)}, after a content filter had refused it at the ${other(request)} one.`,
};

export function decisionSentence(request) {
  if (request.cache === "exact") return "Answered from the cache: the same question was asked before.";
  if (request.cache === "semantic") return `Answered from the cache: a question of the same meaning was asked before (similarity ${format.rate(request.cache_similarity, 2)}).`;
  if (request.route === null) return `Refused before anything was decided: ${request.error_code ?? "error"}, status ${request.status}.`;
  return BY_REASON[request.reason]?.(request) ?? `${to(request)}: ${request.reason ?? "no reason is known"}.`;
}

// What came of it, where it was not a whole answer.
export function outcomeSentence(request) {
  if (request.outcome === "error" && request.route !== null) return `It failed: ${request.error_code ?? "error"}, status ${request.status}.`;
  if (request.outcome === "cancelled") return "The caller left before the end.";
  return null;
}

// Nothing is said of a threshold where the cache answered, or the caller named the model: it was not asked.
export function wasCompared(request) {
  return !isCached(request) && request.reason !== "pinned" && request.win_rate !== null && request.threshold !== null;
}

function compared({ win_rate: rate, threshold }) {
  return rate < threshold
    ? `its win rate ${format.rate(rate)} is below the threshold ${format.rate(threshold)}`
    : `its win rate ${format.rate(rate)} reaches the threshold ${format.rate(threshold)}`;
}

function after(request) {
  return wasCompared(request) ? `; the win rate is ${format.rate(request.win_rate)}, the threshold ${format.rate(request.threshold)}` : "";
}
