// Calls of the server, with the key where there is one. It stays in this tab, and goes with it.

const KEY = "underdog-key";

// What the server would not do: its own words, the HTTP status, and the field that is meant, if one is.
export class Refused extends Error {
  constructor(status, error) {
    super(error?.message ?? `The server answered with ${status}.`);
    this.status = status;
    this.code = error?.code ?? null;
    this.param = error?.param ?? null;
  }
}

export class Api {
  get hasKey() {
    return sessionStorage.getItem(KEY) !== null;
  }

  useKey(key) {
    if (key === null) sessionStorage.removeItem(KEY);
    else sessionStorage.setItem(KEY, key);
  }

  // Of the console's own API: get("dial", { last: 500 }).
  get(path, query = {}) {
    return this.call("GET", `console/api/${path}`, { query });
  }

  send(method, path, body) {
    return this.call(method, `console/api/${path}`, { body });
  }

  // Of any path of the server, relative to where it lies: call("GET", "cache/entries").
  async call(method, path, { query = {}, body, signal } = {}) {
    const answer = await this.fetch(method, path, { query, body, signal });
    return answer.status === 204 ? null : answer.json();
  }

  // The same, for who reads the answer as it comes; refused where the status is not 2xx.
  async fetch(method, path, { query = {}, body, signal, headers = {} } = {}) {
    const url = new URL(path, new URL(".", location.href));
    for (const [name, value] of Object.entries(query)) {
      if (value !== undefined && value !== null && value !== "") url.searchParams.set(name, value);
    }
    const sent = { ...headers };
    const key = sessionStorage.getItem(KEY);
    if (key !== null) sent.authorization = `Bearer ${key}`;
    if (body !== undefined) sent["content-type"] = "application/json";
    const answer = await fetch(url, {
      method, headers: sent, signal, body: body === undefined ? undefined : JSON.stringify(body), cache: "no-store",
    }).catch(away);
    if (answer.ok) return answer;
    const said = await answer.json().catch(() => ({}));
    throw new Refused(answer.status, said.error);
  }

  // Server-sent events, read by fetch since EventSource sends no key: yields { event, data } until `signal` aborts. `heard`
  // is called whenever anything comes, comments as well.
  async *events(path, { method = "GET", query = {}, body, signal, relative = "console/api/", heard = () => {} } = {}) {
    yield* eventsOf(await this.fetch(method, `${relative}${path}`, { query, body, signal }), heard);
  }
}

// What a browser says of a server that is not there is "Failed to fetch", or other words in each.
function away(error) {
  if (error.name === "AbortError") throw error;
  throw new Error(`The server at ${location.host} does not answer: it was stopped, or the network is away.`, { cause: error });
}

// The server-sent events of an answer that has begun.
export async function* eventsOf(answer, heard = () => {}) {
  const reader = answer.body.pipeThrough(new TextDecoderStream()).getReader();
  let waiting = "";
  for (;;) {
    const { value, done } = await reader.read();
    if (done) return;
    heard();
    waiting += value;
    const parts = waiting.split(/\r?\n\r?\n/);
    waiting = parts.pop();
    for (const part of parts) {
      const lines = part.split(/\r?\n/);
      const field = (name) => lines.filter((line) => line.startsWith(`${name}:`))
        .map((line) => line.slice(name.length + 1).replace(/^ /, "")).join("\n");
      if (field("data")) yield { event: field("event") || "message", data: field("data") };
    }
  }
}
