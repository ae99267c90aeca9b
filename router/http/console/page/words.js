// What the server's own words mean, for who has not read its documentation.

export const REASONS = {
  "win-rate": "by its win rate",
  pinned: "asked for by name",
  unfamiliar: "unlike all training",
  rule: "a rule of yours",
  hook: "your hook",
  key: "bounds of the key",
  paced: "so that a budget lasts",
  capability: "the other lacks what it needs",
  context: "too long for the other",
  sticky: "keeps the strong one's prompt cache",
  "no-strong-model": "no strong model is set",
  "no-weak-model": "no weak model is set",
  "strong-failed": "the strong model failed",
  "weak-failed": "the weak model failed",
  "context-fallback": "the other found it too long",
  "content-filter-fallback": "the other filtered it",
};

export const CACHE = { exact: "cached", semantic: "cached, reworded", miss: "not in the cache", bypass: "not looked up" };

export const OUTCOMES = { ok: "answered", error: "failed", cancelled: "caller left" };

export const STATES = {
  ready: ["good", "ready"], starting: ["warn", "starting"], failed: ["wrong", "failed"], unknown: ["quiet", "not asked yet"],
};

export const BREAKERS = { closed: null, open: "left out after failures", "half-open": "being tried again" };

// Parts of the score by their names: what they are called, and what of a prompt they look at.
export const PARTS = {
  topic: ["Topic", "what it is about, by the meaning of its words"],
  length: ["Length", "characters, words, sentences"],
  vocabulary: ["Vocabulary", "long words, rare words, names"],
  numbers: ["Numbers", "how many, and how long"],
  text: ["Punctuation", "capitals, quotes, brackets, commas"],
  script: ["Script", "letters outside of ASCII"],
  maths: ["Mathematics", "symbols, formulas, words of mathematics"],
  code: ["Code", "lines, fences and symbols of programs"],
  reasoning: ["Reasoning", "asks for steps, proofs, whys"],
  choice: ["Choice", "offers answers to choose from"],
  constraint: ["Constraints", "lists and conditions to keep to"],
  creative: ["Creative writing", "asks for stories, poems, roles"],
  transform: ["Reworking", "translate, summarise, rewrite"],
  expert: ["Expertise", "terms of a profession"],
  chat: ["Small talk", "greetings and thanks"],
  instruction: ["Instructions", "says how to answer"],
  opening: ["Opening", "the word that it begins with"],
  question: ["Questions", "question marks"],
};

export const STEPS = {
  arrived: "Arrived", "let in": "Let in", decided: "Decided", "looked in the cache": "Looked in the cache",
  "asked the model": "Asked the model", "first token": "First token", end: "End",
};

export function partName(part) {
  return PARTS[part]?.[0] ?? part;
}

// Why a past request is left out of what thresholds would have given.
export const LEFT_OUT = {
  embeddings: "embeddings", error: "no answer came", cancelled: "the caller left", cache: "from the cache", pinned: "the model was named",
  rule: "a rule decided", hook: "the hook decided", key: "bounds of the key", paced: "a budget's pace decided", capability: "one model does not take them",
  context: "too long for one model", sticky: "the conversation stayed where it was", "no-strong-model": "there was no strong model",
  "no-weak-model": "there was no weak model", "strong-failed": "the strong model failed", "weak-failed": "the weak model failed",
  "context-fallback": "too long for the model that was due", "content-filter-fallback": "filtered at the model that was due", unscored: "no win rate is known",
  "other-artifact": "scored by another classifier", "no-price": "a price is not known",
};
