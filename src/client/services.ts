/** Health checks for registered services: the owner's machine probes them and reports to the broker. */
import * as http from "node:http";
import { connect } from "node:net";
import type { Credentials } from "../operations/core/identity.ts";
import type { OutputOf } from "../operations/index.ts";
import { placeOf } from "../rules/service-place.ts";
import type { ProbeResult } from "../rules/services.ts";
import type { Client } from "./client.ts";

/** A service that does not answer within this time is unhealthy. */
const PROBE_MS = 2_000;

export interface Probed {
  url: string;
  health_path?: string | undefined;
}

/** Probes a service and renews its registration with the result. Throws the broker's `CctError`. */
export async function probeAndRenew(
  client: Client,
  service: Probed & { service_id: string },
  as: Credentials | undefined,
): Promise<OutputOf<"renew_service">> {
  const health = await probe(service);
  return client.call("renew_service", { service_id: service.service_id, health }, as);
}

/**
 * Healthy: the health path answers 2xx or 3xx, or, without a health path, the port accepts a connection.
 * Only the URL's own host is contacted: redirects are not followed and no body is read.
 */
async function probe({ url, health_path }: Probed): Promise<ProbeResult> {
  const answers = health_path === undefined ? await connects(url) : await getsOk(new URL(url), health_path);
  return answers ? "healthy" : "unhealthy";
}

/** Host and port to connect to. Names of this machine become `localhost`, because not all of them resolve everywhere. */
function target(url: string): { host: string; port: number } {
  const { host, port, onMachine } = placeOf(url, "localhost");
  const written = new URL(url).hostname.replace(/^\[|\]$|\.$/g, "");
  // Addresses stay as written: 127.0.0.2 is not 127.0.0.1.
  const isName = /[a-z]$/i.test(written) && !written.includes(":");
  return { host: onMachine ? (isName ? "localhost" : written) : host.replace(/^\[|\]$/g, ""), port };
}

function connects(url: string): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect({ ...target(url), timeout: PROBE_MS });
    const done = (answers: boolean): void => {
      clearTimeout(timer);
      socket.destroy();
      resolve(answers);
    };
    const timer = setTimeout(() => done(false), PROBE_MS);
    socket.on("connect", () => done(true));
    socket.on("error", () => done(false));
  });
}

async function getsOk(url: URL, path: string): Promise<boolean> {
  // Loaded on demand: most sessions never need TLS, and it costs memory in each of them.
  const { request } = url.protocol === "https:" ? await import("node:https") : http;
  return new Promise((resolve) => {
    const done = (answers: boolean): void => {
      clearTimeout(timer);
      outgoing.destroy();
      resolve(answers);
    };
    const timer = setTimeout(() => done(false), PROBE_MS);
    const outgoing = request({
      ...target(url.href),
      path,
      agent: false,
      headers: { host: url.host, "user-agent": "cct", connection: "close" },
      // Dev servers use self-signed certificates, and a probe sends no secret.
      rejectUnauthorized: false,
    });
    outgoing.on("response", ({ statusCode = 0 }) => done(statusCode >= 200 && statusCode < 400));
    outgoing.on("error", () => done(false));
    outgoing.end();
  });
}
