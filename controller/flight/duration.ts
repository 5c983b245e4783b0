const HOUR = 3_600_000;
const MINUTE = 60_000;
const SECOND = 1000;

/** Milliseconds as Go prints a time.Duration: `30ms`, `1.5s`, `1m30s`, `1h0m0s`; to the microsecond. */
export function goDuration(milliseconds: number): string {
  const sign = milliseconds < 0 ? "-" : "";
  const total = Math.abs(milliseconds);
  if (total === 0) return "0s";
  if (total < 1) return `${sign}${Math.round(total * 1000)}µs`;
  if (total < SECOND) return `${sign}${total}ms`;
  const hours = Math.floor(total / HOUR);
  const minutes = Math.floor((total % HOUR) / MINUTE);
  const seconds = (total % MINUTE) / SECOND;
  if (hours > 0) return `${sign}${hours}h${minutes}m${seconds}s`;
  return minutes > 0 ? `${sign}${minutes}m${seconds}s` : `${sign}${seconds}s`;
}
