// Every request that the ledger keeps: a list to search, and each by itself at #/requests/ID.

import { one } from "./requests/one.js";
import { list } from "./requests/list.js";

export const view = {
  mount: (root, context) => (context.place.length ? one(root, context, context.place[0]) : list(root, context)),
};
