/** The broker itself: what it is, its services, and who else may use it. */
import type { BrokerStatus } from "../operations/surface/broker-status.ts";
import { useAsked } from "./asked.ts";
import { removeListed } from "./doing.ts";
import { Fact } from "./facts.tsx";
import { type Browser, Browsers, type Device, Devices } from "./machines.tsx";
import { NotifyCard } from "./notify-card.tsx";
import { AllPolicies } from "./policies.tsx";
import { chosen } from "./route.ts";
import { askStatus, call } from "./source.ts";
import { nameOf, order, peerOf, pools, services } from "./state.ts";
import type { Service } from "./types.ts";
import { Button, Icon } from "./ui.tsx";
import { number, span } from "./words.ts";
import { now } from "./world.ts";

interface Known {
  status: BrokerStatus;
  devices: Device[];
  browsers: Browser[];
}

const AGAIN_MS = 10_000;

async function look(): Promise<Known> {
  const [status, { devices }, { browsers }] = await Promise.all([
    askStatus(),
    call("list_devices", {}),
    call("list_browsers", {}),
  ]);
  return { status, devices, browsers };
}

export function Broker() {
  const { found, problem, again } = useAsked("this broker", look, [], AGAIN_MS);
  if (!found)
    return (
      <div class="page">
        <h1>Broker</h1>
        <p class="quiet">{problem || "Loading…"}</p>
      </div>
    );
  const { status, devices, browsers } = found;
  return (
    <div class="page">
      <header class="page-head">
        <div>
          <h1>Broker</h1>
          <p class="lead">
            <bdi>{status.name}</bdi> · <Ready status={status} />
          </p>
        </div>
      </header>
      <div class="two">
        <About status={status} />
        <Rules />
        <NotifyCard />
        <AllPolicies />
        <Services />
        <Devices devices={devices} load={again} />
        <Browsers browsers={browsers} load={again} />
      </div>
    </div>
  );
}

const Ready = ({ status: { ready, reasons } }: { status: BrokerStatus }) =>
  ready ? (
    <span class="ok">
      <Icon name="check" size={14} />
      ready
    </span>
  ) : (
    <span class="bad">
      <Icon name="alert" size={14} />
      {reasons.join("; ") || "not ready"}
    </span>
  );

const megabytes = (bytes: number): string => `${(bytes / 1024 ** 2).toFixed(1)} MB`;

function About({ status }: { status: BrokerStatus }) {
  const { version, url, store, database_bytes: bytes, uptime_ms, streams, connections, lan, messages, clock } = status;
  return (
    <section class="card">
      <header class="card-head">
        <h2>This broker</h2>
      </header>
      <dl class="facts wide">
        <Fact name="Version">{version}</Fact>
        {url !== undefined && (
          <Fact name="Address" mono>
            {url}
          </Fact>
        )}
        <Fact name="Reached from">
          {lan ? `this machine and the network${lan.tls ? "" : ", without TLS"}` : "this machine only"}
        </Fact>
        {store !== undefined && <Fact name="Store">{store}</Fact>}
        {bytes !== null && <Fact name="Size">{megabytes(bytes)}</Fact>}
        <Fact name="Up">{span(uptime_ms)}</Fact>
        <Fact name="Connections">
          {number(connections)}, of them {number(streams)} event streams
        </Fact>
        <Fact name="Mail on its way">
          {messages === null ? "unknown" : number(Object.values(messages).reduce((sum, n) => sum + n, 0))}
        </Fact>
        {!clock.confirmed && <Fact name="Clock">{clock.why ?? "not confirmed"}: nothing expires meanwhile</Fact>}
      </dl>
    </section>
  );
}

/** What the operator has stopped. */
function Rules() {
  const muted = order.value.flatMap((id) => {
    const peer = peerOf(id);
    return peer?.muted ? peer : [];
  });
  const paused = pools.value.filter((pool) => pool.paused);
  return (
    <section class="card">
      <header class="card-head">
        <h2>Mutes and pauses</h2>
      </header>
      {muted.length + paused.length === 0 ? (
        <p class="quiet">Nobody is muted, and no pool is paused.</p>
      ) : (
        <ul class="plain">
          {muted.map((peer) => (
            <li key={peer.peer_id}>
              <Icon name="belloff" size={15} />
              <button
                type="button"
                class="link"
                onClick={() => {
                  chosen.value = { kind: "peer", id: peer.peer_id };
                }}
              >
                <bdi>{peer.name}</bdi>
              </button>
              is muted
            </li>
          ))}
          {paused.map((pool) => (
            <li key={pool.pool_id}>
              <Icon name="pause" size={15} />
              <button
                type="button"
                class="link"
                onClick={() => {
                  chosen.value = { kind: "pool", id: pool.pool_id };
                }}
              >
                @{pool.name}
              </button>
              is paused
            </li>
          ))}
        </ul>
      )}
    </section>
  );
}

const HEALTH = { healthy: "yes", unhealthy: "no", unknown: "not known yet", stale: "not heard for long" };

function Services() {
  const all = services.value;
  return (
    <section class="card span2">
      <header class="card-head">
        <h2>Services</h2>
      </header>
      {all.length === 0 ? (
        <p class="quiet">
          No service is registered. <code>cct service run dev-server --url http://localhost:5173 -- npm run dev</code>{" "}
          registers one for as long as it runs.
        </p>
      ) : (
        <div class="scroll-x" tabIndex={0} role="region" aria-label="Services">
          <table>
            <thead>
              <tr>
                <th scope="col">Name</th>
                <th scope="col">Kind</th>
                <th scope="col">Address</th>
                <th scope="col">Owner</th>
                <th scope="col">Answers</th>
                <th scope="col">
                  <span class="sr">Do</span>
                </th>
              </tr>
            </thead>
            <tbody>
              {all.map((service) => (
                <ServiceRow key={service.service_id} service={service} />
              ))}
            </tbody>
          </table>
        </div>
      )}
    </section>
  );
}

function ServiceRow({ service }: { service: Service }) {
  const { name, kind, url, owner, owner_name, health, health_at } = service;
  const age = health_at === null || health_at === undefined ? "" : `, ${span(now.value - health_at)} ago`;
  return (
    <tr>
      <th scope="row">{name}</th>
      <td>{kind}</td>
      <td class="mono">{url}</td>
      <td>{nameOf(owner, owner_name)}</td>
      <td>
        <span class={health === "healthy" ? "ok" : health === "unhealthy" ? "bad" : "muted"}>
          {health === "healthy" && <Icon name="check" size={14} />}
          {health === "unhealthy" && <Icon name="alert" size={14} />}
          {HEALTH[health]}
          {age}
        </span>
      </td>
      <td class="r">
        <Button kind="small" onClick={() => removeListed(service)}>
          Remove…
        </Button>
      </td>
    </tr>
  );
}
