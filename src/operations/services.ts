/** Service registry: who runs what, where, and its health. The broker only stores it; owners' machines probe. */
import * as z from "zod";
import { CctError } from "../platform/errors.ts";
import { pageOf, pageSize, placeAfter } from "../rules/listing.ts";
import { OPERATOR_NAME } from "../rules/names.ts";
import { MAX_SERVICES, requireBelow } from "../rules/quotas.ts";
import {
  checkHealthPath,
  checkWord,
  MAX_KIND,
  MAX_SERVICE_NAME,
  placeKey,
  placeOf,
  serviceName,
} from "../rules/service-place.ts";
import {
  DEFAULT_TTL_S,
  decideRegistration,
  isRemovable,
  MAX_TTL_S,
  MIN_TTL_S,
  probeResults,
  resolveService,
} from "../rules/services.ts";
import { checkPlainText } from "../rules/text.ts";
import { LISTING_COST } from "../rules/throttle.ts";
import {
  allServices,
  countServices,
  deleteService,
  findService,
  findServiceAt,
  insertService,
  type OwnedService,
  type Service,
  listServices as servicePage,
  servicesOf,
  updateService,
} from "../store/services.ts";
import { type Context, callingPeer, operation } from "./core/operation.ts";
import { pageInput, pageOutput } from "./support/listing.ts";
import { serviceShape, toServiceShape } from "./support/service-shapes.ts";

const serviceId = z.string().min(1).max(64);
const kind = z.string().min(1).max(MAX_KIND);

/** The owner of a service that this caller registers. */
function ownerOf({ caller }: Context): { owner: string; owner_name: string } {
  return caller.kind === "peer"
    ? { owner: caller.peer.peer_id, owner_name: caller.peer.name }
    : { owner: OPERATOR_NAME, owner_name: OPERATOR_NAME };
}

export const registerService = operation({
  name: "register_service",
  by: ["peer", "operator"],
  repeatable: "never",
  errors: ["conflict"],
  doc: "Registers a service for everybody to see: a dev server, a database, a browser. It stays while it is renewed within its TTL. The same owner at the same host and port updates it; anybody else is refused there, unless it is stale.",
  input: z.strictObject({
    kind: kind.describe("what it is: browser, database, api …"),
    url: z.string().min(1).max(2048).describe("its address, without user name and password"),
    name: z.string().min(1).max(MAX_SERVICE_NAME).optional().describe("default: the kind"),
    host: z.string().min(1).max(255).describe("name of the caller's machine: what localhost in the url means"),
    ttl_seconds: z.int().min(MIN_TTL_S).max(MAX_TTL_S).optional().describe(`default ${DEFAULT_TTL_S}`),
    health_path: z
      .string()
      .min(1)
      .max(1024)
      .optional()
      .describe("path that a probe requests from an http or https service"),
    service_id: z
      .string()
      .regex(/^[0-9a-f]{32}$/, "must be 32 hexadecimal digits")
      .optional()
      .describe(
        "made by a command that renews the service while it runs: only that registration is updated, and the owner's session does not renew it",
      ),
  }),
  output: serviceShape,
  async run(context, input) {
    const { sql, now, confirmed } = context;
    checkWord("kind", input.kind);
    const name = serviceName(input.kind, input.name);
    checkPlainText("host", input.host);
    const endpoint = placeKey(placeOf(input.url, input.host));
    if (input.health_path !== undefined) checkHealthPath(input.url, input.health_path);
    const owner = ownerOf(context);
    const registration = {
      kind: input.kind,
      name,
      url: input.url,
      health_path: input.health_path ?? null,
      ttl: (input.ttl_seconds ?? DEFAULT_TTL_S) * 1000,
      renewed_at: now,
      // The last probe may have reached something else.
      health: "unknown" as const,
      health_at: null,
      health_since: null,
    };
    const there = await findServiceAt(sql, endpoint);
    const how = decideRegistration(there, { owner: owner.owner, service_id: input.service_id }, confirmed);
    if (there && how === "taken") throw taken(there, owner.owner);
    if (there && how === "update") {
      const updated = { ...there, ...registration };
      await updateService(sql, updated);
      context.changed({ what: "services" });
      return toServiceShape(updated, now);
    }
    if (there) await deleteService(sql, there.service_id);
    if (input.service_id !== undefined && (await findService(sql, input.service_id))) {
      throw new CctError(
        "conflict",
        "This service_id belongs to a service at another place.",
        "Make a new one for each place.",
      );
    }
    if (context.caller.kind === "peer") {
      const mine = (await servicesOf(sql, owner.owner)).length;
      const hint = "Unregister one that you do not use.";
      requireBelow(mine, MAX_SERVICES, "You have registered too many services", hint);
      requireBelow(await countServices(sql), context.limits.services, "Too many services are registered", hint);
    }
    const service: Service = {
      ...registration,
      service_id: input.service_id ?? context.newId(),
      host: input.host,
      endpoint,
      owner: owner.owner,
      self_renewing: input.service_id !== undefined,
      registered_at: now,
    };
    await insertService(sql, service);
    context.changed({ what: "services" });
    return toServiceShape({ ...service, ...owner }, now);
  },
});

function taken(there: OwnedService, caller: string): CctError {
  const { name, endpoint, owner_name, service_id } = there;
  const what = `the service '${name}' (${service_id.slice(0, 8)})`;
  return there.owner === caller
    ? new CctError(
        "conflict",
        `${endpoint} is taken by ${what}, which is yours too.`,
        "Unregister it first, or use another port.",
      )
    : new CctError(
        "conflict",
        `${endpoint} is taken by ${what} of ${owner_name}.`,
        `Use that one, use another port, or ask ${owner_name} to unregister it.`,
      );
}

export const renewService = operation({
  name: "renew_service",
  durable: false,
  by: ["peer", "operator"],
  repeatable: "always",
  errors: ["not_found"],
  doc: "Renews a service for another TTL, with the result of a probe. Also revives a stale one.",
  input: z.strictObject({
    service_id: serviceId,
    health: z.enum(probeResults).describe("result of the probe by the owner's machine"),
  }),
  output: serviceShape,
  async run(context, input) {
    const { sql, now, confirmed } = context;
    const service = await findService(sql, input.service_id);
    if (!service || isRemovable(service, confirmed)) {
      throw new CctError("not_found", "The service does not exist, or was removed.", "Register it again.");
    }
    assertOwner(context, service);
    const health_since = service.health === input.health ? (service.health_since ?? now) : now;
    const renewed = { ...service, renewed_at: now, health: input.health, health_at: now, health_since };
    await updateService(sql, renewed);
    if (health_since === now) for (const what of ["services", "attention"] as const) context.changed({ what });
    return toServiceShape(renewed, now);
  },
});

export const unregisterService = operation({
  name: "unregister_service",
  by: ["peer", "operator"],
  repeatable: "never",
  errors: ["not_found", "ambiguous"],
  doc: "Removes a service from the list. Only its owner and the operator can.",
  input: z.strictObject({
    service: z.string().min(1).max(2048).describe("its name, its url, or the first 4 or more characters of its id"),
  }),
  output: serviceShape,
  async run(context, input) {
    const { sql, now, confirmed } = context;
    const service = resolveService(input.service, await allServices(sql, confirmed), ownerOf(context).owner);
    assertOwner(context, service);
    await deleteService(sql, service.service_id);
    for (const what of ["services", "attention"] as const) context.changed({ what });
    return toServiceShape(service, now);
  },
});

function assertOwner(context: Context, service: OwnedService): void {
  if (context.caller.kind === "operator" || ownerOf(context).owner === service.owner) return;
  throw new CctError(
    "forbidden",
    `The service '${service.name}' is ${service.owner_name}'s.`,
    `Ask ${service.owner_name}.`,
  );
}

export const listServices = operation({
  name: "list_services",
  cost: LISTING_COST,
  isolation: "snapshot",
  by: ["peer", "operator"],
  repeatable: "always",
  tool: { title: "List services", readOnly: true },
  doc: "Lists registered services (dev servers, databases, browsers …): where each is, who owns it, and whether it answers. Look here before you start one of your own.",
  input: z.strictObject({ kind: kind.optional().describe("only services of this kind"), ...pageInput }),
  output: z.object({ services: z.array(serviceShape), ...pageOutput }),
  async run({ sql, now, confirmed, limits }, input) {
    const limit = pageSize(input.limit, limits.page);
    const after = placeAfter(input.after, 1);
    const found = await servicePage(sql, {
      kind: input.kind?.toLowerCase() ?? "",
      now: confirmed,
      after: after && { registered_at: after.numbers[0] ?? 0, service_id: after.id },
      limit: limit + 1,
    });
    const { page, ...rest } = pageOf(found, limit, (service) => [service.registered_at, service.service_id]);
    return { services: page.map((service) => toServiceShape(service, now)), ...rest };
  },
});

export const servicesToRenew = operation({
  name: "services_to_renew",
  isolation: "snapshot",
  by: ["peer"],
  repeatable: "always",
  doc: "Lists the caller's services that its session server probes and renews: all except those that a running command renews.",
  input: z.strictObject({}),
  output: z.object({
    services: z.array(
      z.object({
        service_id: z.string(),
        url: z.string(),
        health_path: z.string().optional(),
        host: z.string(),
        ttl_seconds: z.int(),
      }),
    ),
  }),
  async run(context) {
    const { sql, confirmed } = context;
    const own = await servicesOf(sql, callingPeer(context).peer_id);
    return {
      services: own
        .filter((service) => !service.self_renewing && !isRemovable(service, confirmed))
        .map(({ service_id, url, health_path, host, ttl }) => ({
          service_id,
          url,
          ...(health_path === null ? {} : { health_path }),
          host,
          ttl_seconds: ttl / 1000,
        })),
    };
  },
});
