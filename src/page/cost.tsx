/** What mail has cost: the turns that it started, and the text that models read, not in money. */
import { useSignal } from "@preact/signals";
import type { OutputOf } from "../operations/index.ts";
import { useAsked } from "./asked.ts";
import { call } from "./source.ts";
import { Empty, Seg } from "./ui.tsx";
import { number } from "./words.ts";

type Costs = OutputOf<"cost">;
type Row = Costs["peers"][number];

const AGAIN_MS = 15_000;
const SHOWN = 100;

const HOURS = [
  ["1", "1 h"],
  ["24", "24 h"],
  ["168", "7 days"],
] as const;
type Hours = (typeof HOURS)[number][0];
const BY = [
  ["peers", "Session"],
  ["pools", "Pool"],
] as const;
type By = (typeof BY)[number][0];

const sum = (rows: readonly Row[], of: "wakes" | "injections" | "messages" | "tokens"): number =>
  rows.reduce((all, row) => all + row[of], 0);

export function Cost() {
  const by = useSignal<By>("peers");
  const hours = useSignal<Hours>("24");
  const wanted = hours.value;
  const { found, problem } = useAsked("the cost", () => call("cost", { hours: Number(wanted) }), [wanted], AGAIN_MS);
  if (!found)
    return (
      <div class="page">
        <h1>What mail has cost</h1>
        <p class="quiet">{problem || "Loading…"}</p>
      </div>
    );
  if (wanted === "168" && found.peers.length === 0)
    return (
      <Empty icon="coins" title="Mail has cost nothing yet">
        <p>An idle session costs no tokens. What mail has cost is counted here once there is some.</p>
      </Empty>
    );
  return (
    <div class="page">
      <header class="page-head">
        <div>
          <h1>What mail has cost</h1>
          <p class="lead">
            Idle sessions cost nothing. Wakes cost most: send fewer messages, or with low urgency. The page does not
            know prices.
          </p>
        </div>
        <div class="head-actions">
          <Seg label="Time" value={hours.value} options={[...HOURS]} onChange={(next) => (hours.value = next)} />
        </div>
      </header>
      <Tiles rows={found.peers} />
      <section class="card">
        <header class="card-head">
          <h2>By</h2>
          <Seg label="By" value={by.value} options={[...BY]} onChange={(next) => (by.value = next)} />
        </header>
        <Table rows={found[by.value]} by={by.value} />
      </section>
    </div>
  );
}

function Tiles({ rows }: { rows: readonly Row[] }) {
  const tiles: [name: string, value: string, meaning: string][] = [
    ["Wakes", number(sum(rows, "wakes")), "turns that mail started; each reads its context again"],
    ["Injections", number(sum(rows, "injections")), "shown in a turn that ran anyway"],
    ["Messages taken", number(sum(rows, "messages")), "one message to three sessions counts three"],
    ["Tokens of mail", `≈ ${number(sum(rows, "tokens"))}`, "an estimate of the mail's own text"],
  ];
  return (
    <div class="tiles">
      {tiles.map(([name, value, meaning]) => (
        <div key={name} class="card tile">
          <span>{name}</span>
          <b>{value}</b>
          <small>{meaning}</small>
        </div>
      ))}
    </div>
  );
}

function Table({ rows, by }: { rows: readonly Row[]; by: By }) {
  const sorted = rows.toSorted((a, b) => b.tokens - a.tokens);
  const most = Math.max(1, sorted[0]?.tokens ?? 0);
  if (sorted.length === 0) return <p class="quiet">Mail has cost nothing in this time.</p>;
  return (
    <div class="scroll-x cost" tabIndex={0} role="region" aria-label="Cost">
      <table>
        <thead>
          <tr>
            <th scope="col">{by === "peers" ? "Session" : "Pool"}</th>
            <th scope="col" class="r">
              Wakes
            </th>
            <th scope="col" class="r">
              Injections
            </th>
            <th scope="col" class="r">
              Messages
            </th>
            <th scope="col" class="r">
              Tokens ≈
            </th>
            <th scope="col" class="wide">
              <span class="sr">Share</span>
            </th>
          </tr>
        </thead>
        <tbody>
          {sorted.slice(0, SHOWN).map((row) => (
            <tr key={row.name}>
              <th scope="row">
                <span class="cut-name" title={row.name}>
                  <bdi>
                    {by === "pools" ? "@" : ""}
                    {row.name}
                  </bdi>
                </span>
              </th>
              <td class="r">{number(row.wakes)}</td>
              <td class="r">{number(row.injections)}</td>
              <td class="r">{number(row.messages)}</td>
              <td class="r">{number(row.tokens)}</td>
              <td class="wide">
                <span class="bar">
                  <i style={{ width: `${(100 * row.tokens) / most}%` }} />
                </span>
              </td>
            </tr>
          ))}
        </tbody>
      </table>
      {sorted.length > SHOWN && <p class="quiet">and {number(sorted.length - SHOWN)} more</p>}
    </div>
  );
}
