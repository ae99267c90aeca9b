export const view = { id: "live", title: "Live", mount() {} };
