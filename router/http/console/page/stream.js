// Server-sent events that are kept up: a connection that ends, or falls silent, is made again, each time after a longer wait.

import { Refused } from "./api.js";

const FIRST_WAIT_S = 1;
const LONGEST_WAIT_S = 30;
// The server says something every 15 seconds, if only that it is there.
const SILENCE_S = 40;

// Lets the browser draw, and whoever types or scrolls, before what comes next.
const breath = () => new Promise((resolve) => setTimeout(resolve));

// Follows `path` until the function that it returns is called. `on.event(name, value)`; `on.state("connecting" | "connected" |
// "waiting", seconds)`; `on.refused(error)`, after which it does not try again.
export function follow(api, path, on) {
  let stopped = false;
  let wait = FIRST_WAIT_S;
  let ending = () => {};

  async function once() {
    const control = new AbortController();
    let silence;
    const heard = () => {
      clearTimeout(silence);
      silence = setTimeout(() => control.abort(), 1000 * SILENCE_S);
    };
    ending = () => control.abort();
    heard();
    on.state("connecting");
    try {
      for await (const { event, data } of api.events(path, { signal: control.signal, heard })) {
        if (stopped) return;
        wait = FIRST_WAIT_S;
        on.state("connected");
        on.event(event, JSON.parse(data));
        await breath();
      }
    } finally {
      clearTimeout(silence);
      control.abort();
    }
  }

  function pause(seconds) {
    return new Promise((resolve) => {
      const timer = setTimeout(resolve, 1000 * seconds);
      ending = () => { clearTimeout(timer); resolve(); };
    });
  }

  async function keepUp() {
    while (!stopped) {
      try {
        await once();
      } catch (error) {
        if (stopped) return;
        if (error instanceof Refused && error.status < 500 && error.status !== 429) {
          on.refused(error);
          return;
        }
      }
      if (stopped) return;
      on.state("waiting", wait);
      await pause(wait);
      wait = Math.min(2 * wait, LONGEST_WAIT_S);
    }
  }

  keepUp();
  return () => { stopped = true; ending(); };
}
