/** The service registry: health, TTLs, who may register at which place, resolving references. Times in milliseconds. */
import { CctError } from "../platform/errors.ts";
import { fitting } from "./address.ts";
import { hasElapsed } from "./presence.ts";

/** Results of a health probe. */
export const probeResults = ["healthy", "unhealthy"] as const;
export type ProbeResult = (typeof probeResults)[number];

/** Stored health of a service. */
export const healths = ["unknown", ...probeResults] as const;
/** Displayed health: a service that is not renewed is `stale`. */
export const shownHealths = [...healths, "stale"] as const;

export const MIN_TTL_S = 10;
export const MAX_TTL_S = 86_400;
/** For a registration without a TTL of its own. */
export const DEFAULT_TTL_S = 3_600;
/** A stale service stays listed at least this long, so that people notice that it is missing. */
const MIN_STALE_MS = 60_000;

/** When a service was last renewed, and for how long that is valid. */
export interface Registration {
  renewed_at: number;
  ttl: number;
}

export const expiresAt = (lease: Registration): number => lease.renewed_at + lease.ttl;

/** The TTL has passed without renewal: the service is shown as stale, and others can take its place. */
export function isStale(lease: Registration, now: number): boolean {
  return hasElapsed(lease.renewed_at, lease.ttl, now);
}

/**
 * Stale for another TTL, and at least a minute: the sweep removes it. A clock that was set back makes services stale but
 * removes none, because their owners are probably still there.
 */
export function isRemovable(lease: Registration, now: number): boolean {
  return now >= expiresAt(lease) + Math.max(lease.ttl, MIN_STALE_MS);
}

export interface Occupant {
  service_id: string;
  owner: string;
}

/**
 * Decides a registration at a place. `update`: the same service registers again. `replace`: the service there is stale.
 * `taken`: the registration is rejected.
 *
 * A registration with its own service_id stands for one running command. The service of another command is `taken`, even
 * if both have the same owner.
 */
export function decideRegistration(
  current: (Occupant & Registration) | undefined,
  wanted: { owner: string; service_id: string | undefined },
  now: number,
): "new" | "update" | "replace" | "taken" {
  if (!current) return "new";
  if (isRemovable(current, now)) return "replace";
  const same = current.owner === wanted.owner && (wanted.service_id ?? current.service_id) === current.service_id;
  if (same) return "update";
  return isStale(current, now) ? "replace" : "taken";
}

export interface Named {
  service_id: string;
  name: string;
  url: string;
  owner: string;
  owner_name: string;
}

/**
 * Resolves a reference to a service: its name (case-insensitive), its URL, or an id prefix of at least four characters. Of
 * several with one name, the caller's own win. Otherwise it never guesses: throws `not_found`, or `ambiguous` with the
 * candidates.
 */
export function resolveService<S extends Named>(ref: string, services: readonly S[], caller: string): S {
  const wanted = ref.toLowerCase();
  const href = URL.canParse(ref) ? new URL(ref).href : undefined;
  const named = services.filter(
    ({ name, url }) => name.toLowerCase() === wanted || (href !== undefined && new URL(url).href === href),
  );
  const own = (found: S[]): S[] => {
    const mine = found.filter(({ owner }) => owner === caller);
    return mine.length > 0 ? mine : found;
  };
  const byId = own(fitting(wanted, [], services, ({ service_id }) => service_id));
  const hits = [...new Set([...own(named), ...byId])];
  const [only] = hits;
  if (only && hits.length === 1) return only;
  if (hits.length > 1) {
    throw new CctError("ambiguous", `That matches ${hits.length} services: ${list(hits)}.`, "Use the id.");
  }
  const known = services.length ? `Registered: ${list(services)}.` : "None is registered.";
  throw new CctError("not_found", "There is no such service.", `${known} See list_services.`);
}

function list(services: readonly Named[]): string {
  const shown = services
    .slice(0, 8)
    .map(({ name, service_id, owner_name }) => `${name} (${service_id.slice(0, 8)}, of ${owner_name})`);
  return services.length > 8 ? `${shown.join(", ")} and ${services.length - 8} more` : shown.join(", ");
}
