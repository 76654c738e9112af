/** How long a host that did not take mail is left alone. */

const FIRST_MS = 5_000;
const LONGEST_MS = 300_000;

/** After so many failures in a row. Where somebody refused the mail, trying again would only ask them again. */
export const wakePauseMs = (failures: number, isRefused: boolean): number =>
  isRefused ? LONGEST_MS : Math.min(LONGEST_MS, FIRST_MS * 2 ** Math.min(failures - 1, 20));
