/** A session: what it does, where it is, what it takes, and with whom it talks. */

import { asksForMail, shownName } from "../rules/agents.ts";
import { pairKey, talkKey } from "../rules/talk/key.ts";
import { waitsFor } from "../rules/waits-for.ts";
import { Command } from "./command.tsx";
import { openCompose } from "./compose.tsx";
import { setMuted } from "./doing.ts";
import { expectation } from "./expect.ts";
import { Fact } from "./facts.tsx";
import { PoliciesOf } from "./policies.tsx";
import { go } from "./route.ts";
import { conversations, isLimited, OPERATOR, peerOf, poolOf } from "./state.ts";
import { titleOf } from "./talk-state.ts";
import { OneLine } from "./text.tsx";
import type { Peer } from "./types.ts";
import { Button, Dot, presenceText } from "./ui.tsx";
import { exactTime, hhmm, span } from "./words.ts";
import { now } from "./world.ts";

const TALKS = 6;

export function PeerDetails({ id }: { id: string }) {
  const peer = peerOf(id);
  if (!peer) return <p class="quiet">This session is gone.</p>;
  const pools = peer.pools.flatMap((one) => poolOf(one) ?? []);
  return (
    <>
      <header class="insp-head">
        <Dot presence={peer.presence} size={14} />
        <h2 title={shownName(peer)}>
          <bdi>{peer.name}</bdi>
          {peer.agent && <span class="agent"> ({peer.agent})</span>}
        </h2>
      </header>
      <p class={`insp-state ${peer.presence}`}>{presenceText(peer)}</p>
      {peer.presence === "blocked" && <Blocked peer={peer} />}
      {peer.hooks !== undefined && !asksForMail(peer) && <NoHook peer={peer} />}
      {peer.muted && (
        <div class="callout amber">
          <b>Muted.</b> What it sends is held{peer.muted.until ? ` until ${hhmm(peer.muted.until)}` : ""}.
        </div>
      )}
      <p class="insp-summary">
        <bdi dir="auto">{peer.summary || "It has not said what it does."}</bdi>
      </p>
      {!isLimited.value && (
        <div class="insp-actions">
          <Button kind="primary small" icon="send" onClick={() => openCompose(peer.name)}>
            Message
          </Button>
          <Button kind="small" icon="talk" onClick={() => go("talk", pairKey(OPERATOR, peer.peer_id))}>
            Conversation
          </Button>
          <Button
            kind="small"
            icon={peer.muted ? "bell" : "belloff"}
            pressed={peer.muted !== undefined}
            run={() => setMuted(peer, peer.muted === undefined)}
          >
            {peer.muted ? "Unmute" : "Mute"}
          </Button>
        </div>
      )}
      <dl class="facts">
        <Fact name="Machine">{peer.host}</Fact>
        <Fact name="Directory" mono>
          {peer.cwd}
        </Fact>
        <Fact name="Branch" mono>
          {peer.branch ?? "—"}
        </Fact>
        <Fact name="Pools">
          {pools.length === 0
            ? "none"
            : pools.map((pool) => (
                <button type="button" class="link" onClick={() => go("talk", `@${pool.name}`)}>
                  @{pool.name}{" "}
                </button>
              ))}
        </Fact>
        <Fact name="Mail waiting">{peer.waiting}</Fact>
        {peer.took_at !== undefined && <Fact name="Took mail">{span(now.value - peer.took_at)} ago</Fact>}
        <Fact name="Last heard">
          <span title={exactTime(peer.last_seen)}>{span(now.value - peer.last_seen)} ago</span>
        </Fact>
        <Fact name="Id" mono>
          {peer.peer_id.slice(0, 8)}
        </Fact>
      </dl>
      <p class="expect">{expectation(peer, "normal")}.</p>
      {!isLimited.value && <PoliciesOf id={id} />}
      <TalksWith id={id} />
    </>
  );
}

function Blocked({ peer: { host, cwd, blocked_on: asks } }: { peer: Peer }) {
  const where = `cd ${cwd}`;
  const { words, tool } = waitsFor(asks?.tool);
  return (
    <div class="callout amber">
      <p>
        It {words} {tool !== undefined && <b>{tool}</b>}
        {asks?.what === undefined ? "." : ":"}
      </p>
      {asks?.what !== undefined && (
        <p>
          <code>
            <bdi>{asks.what}</bdi>
          </code>
        </p>
      )}
      <small>
        Only its own terminal can say yes: on <b>{host}</b>, in
      </small>
      <Command>{where}</Command>
    </div>
  );
}

function NoHook({ peer: { hooks, agent } }: { peer: Peer }) {
  if (hooks === "unwritable")
    return (
      <div class="callout red">
        <b>Its machine cannot write mail.</b> The disk may be full. On its machine: <code>cct doctor</code>
      </div>
    );
  if (hooks === "unserved")
    return (
      <div class="callout red">
        <b>Its session server is gone</b>, or cannot reach the broker. Mail is kept until it is back. On its machine:{" "}
        <code>cct doctor</code>
      </div>
    );
  if (agent !== undefined)
    return (
      <div class="callout red">
        <b>No live hook.</b> {agent} does not take mail by itself: CCT’s hooks are missing or switched off there. On its
        machine: <code>cct doctor</code>
      </div>
    );
  return (
    <div class="callout red">
      <b>No live hook.</b> Its Claude Code does not take mail by itself. Usual reasons: it was started with{" "}
      <code>--bare</code>, or hooks are switched off in its settings. On its machine: <code>cct doctor</code>
    </div>
  );
}

function TalksWith({ id }: { id: string }) {
  const talks = conversations.value.filter((one) => one.with?.some((who) => who.id === id)).slice(0, TALKS);
  if (talks.length === 0) return null;
  return (
    <>
      <h3>Talks with</h3>
      <ul class="insp-list">
        {talks.map((one) => (
          <li key={one.key}>
            <button type="button" onClick={() => go("talk", talkKey(one))}>
              <b>
                <bdi>{titleOf(talkKey(one))}</bdi>
              </b>
              <span>
                <OneLine text={one.last.text} of={60} />
              </span>
              <time>{hhmm(one.last.sent_at)}</time>
            </button>
          </li>
        ))}
      </ul>
    </>
  );
}
