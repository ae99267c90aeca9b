// Numbers and times as people read them.

export const UNKNOWN = "–";

const whole = new Intl.NumberFormat("en");
const inDollars = new Map();

function dollars(digits) {
  if (!inDollars.has(digits)) {
    inDollars.set(digits, new Intl.NumberFormat("en", { style: "currency", currency: "USD", maximumFractionDigits: digits, minimumFractionDigits: digits }));
  }
  return inDollars.get(digits);
}

const missing = (value) => value === null || value === undefined;

// Exact amounts arrive as text; small ones keep their first two digits.
export function usd(value) {
  if (missing(value)) return UNKNOWN;
  const amount = Number(value);
  if (amount === 0) return "$0";
  const digits = Math.abs(amount) >= 1 ? 2 : Math.min(9, 1 - Math.floor(Math.log10(Math.abs(amount))));
  return dollars(Math.max(2, digits)).format(amount).replace("-", "−");
}

export function share(value, digits = 0) {
  return missing(value) ? UNKNOWN : `${(100 * value).toFixed(digits)} %`;
}

export function count(value) {
  return missing(value) ? UNKNOWN : whole.format(value);
}

// A win rate, a threshold: .712.
export function rate(value, digits = 3) {
  return missing(value) ? UNKNOWN : value.toFixed(digits).replace(/^(-?)0\./, "$1.");
}

// A number with its sign, such as what a feature added.
export function signed(value, digits = 2) {
  return missing(value) ? UNKNOWN : `${value < 0 ? "−" : "+"}${Math.abs(value).toFixed(digits)}`;
}

export function ms(value) {
  if (missing(value)) return UNKNOWN;
  if (value === 0) return "0 ms";
  if (value >= 10_000) return `${(value / 1000).toFixed(1)} s`;
  return value >= 10 ? `${whole.format(Math.round(value))} ms` : `${value.toFixed(1)} ms`;
}

// How long something took or takes, in its two largest units: 3 h 20 min.
export function lasting(seconds) {
  if (missing(seconds)) return UNKNOWN;
  const units = [["d", 86_400], ["h", 3600], ["min", 60], ["s", 1]];
  const first = Math.max(0, units.findIndex(([, size]) => seconds >= size));
  const [name, size] = seconds < 1 ? units[3] : units[first];
  const big = Math.floor(seconds / size);
  const next = seconds < 1 ? undefined : units[first + 1];
  const rest = next ? Math.floor((seconds - big * size) / next[1]) : 0;
  return rest ? `${big} ${name} ${rest} ${next[0]}` : `${big} ${name}`;
}

export function time(iso) {
  return iso ? new Date(iso).toLocaleTimeString("en-GB") : UNKNOWN;
}

export function day(iso) {
  return iso ? new Date(iso).toLocaleDateString("en-GB", { day: "numeric", month: "long", year: "numeric" }) : UNKNOWN;
}

export function moment(iso) {
  return iso ? new Date(iso).toLocaleString("en-GB", { day: "numeric", month: "short", hour: "2-digit", minute: "2-digit", second: "2-digit" }) : UNKNOWN;
}
