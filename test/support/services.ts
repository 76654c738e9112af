/** Services for tests. */
import { ok } from "./api.ts";
import type { TestBroker } from "./broker.ts";

let lastPort = 2000;

/** A registration at a place that no other test of the file uses. */
export function web(more: object = {}) {
  lastPort += 1;
  return { kind: "web", url: `http://localhost:${lastPort}`, host: "box", ...more };
}

export const allServices = async (broker: TestBroker) => (await ok(broker, "list_services", {})).services;

export const serviceById = async (broker: TestBroker, id: string) =>
  (await allServices(broker)).find((service) => service.service_id === id);
