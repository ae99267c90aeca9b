// The views, in the order of the menu. Each module exports `view = { id, title, mount(root, context) }`: it draws into
// `root`, which has its heading already, and returns a function that ends whatever it began. `context`: `api`, `session` (who
// asks and what they may), `announce(text)`, `place` and `query` (what follows the view in the address), `head` (the row of the
// heading, for what belongs beside it), `again()` (draws it anew), `refuse(error)` (in the view's place: the key form, or
// what is wrong).

import { view as live } from "./views/live.js";
import { view as requests } from "./views/requests.js";
import { view as dial } from "./views/dial.js";
import { view as cache } from "./views/cache.js";
import { view as accounts } from "./views/accounts.js";
import { view as playground } from "./views/playground.js";

export const VIEWS = [live, requests, dial, cache, accounts, playground];
