export const view = { id: "cache", title: "Cache", mount() {} };
