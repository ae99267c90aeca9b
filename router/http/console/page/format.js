// Numbers and times as people read them.

const dollars = (digits) => new Intl.NumberFormat("en", { style: "currency", currency: "USD", maximumFractionDigits: digits, minimumFractionDigits: digits });

export const UNKNOWN = "–";

// Exact amounts arrive as text; small ones keep their first two digits.
export function usd(value) {
  if (value === null || value === undefined) return UNKNOWN;
  const amount = Number(value);
  if (amount === 0) return "$0";
  const digits = Math.abs(amount) >= 1 ? 2 : Math.min(8, 1 - Math.floor(Math.log10(Math.abs(amount))));
  return dollars(Math.max(2, digits)).format(amount);
}

export function share(value, digits = 0) {
  return value === null || value === undefined ? UNKNOWN : `${(100 * value).toFixed(digits)} %`;
}

export function count(value) {
  return value === null || value === undefined ? UNKNOWN : new Intl.NumberFormat("en").format(value);
}

export function ms(value) {
  if (value === null || value === undefined) return UNKNOWN;
  if (value >= 10_000) return `${(value / 1000).toFixed(1)} s`;
  return value >= 10 ? `${Math.round(value)} ms` : `${value.toFixed(1)} ms`;
}

export function time(iso) {
  return iso ? new Date(iso).toLocaleTimeString() : UNKNOWN;
}

export function moment(iso) {
  return iso ? new Date(iso).toLocaleString() : UNKNOWN;
}
