/** What needs a person, one row per thing: a sentence, a line of detail, how long, and at most two actions. */

import { useSignal } from "@preact/signals";
import type { ComponentChildren } from "preact";
import { useEffect, useRef } from "preact/hooks";
import { pairKey } from "../rules/talk/key.ts";
import { needParts } from "../rules/texts/needs.ts";
import { ballotWords, needAge } from "../rules/texts/people.ts";
import { openCompose } from "./compose.tsx";
import { decideHeld, decideVote, dismiss, muteBoth, removeService, sendAgain } from "./doing.ts";
import type { IconName } from "./icons.ts";
import { chosen, go, wantedNeed } from "./route.ts";
import { moreNeeds, needs, OPERATOR, services } from "./state.ts";
import { OneLine } from "./text.tsx";
import type { Need, NeedKind } from "./types.ts";
import { Button, Icon, PeerName } from "./ui.tsx";
import { now } from "./world.ts";

const KINDS: Record<NeedKind, { icon: IconName; tone: "amber" | "red" }> = {
  blocked: { icon: "shield", tone: "amber" },
  vote: { icon: "vote", tone: "amber" },
  question: { icon: "help", tone: "amber" },
  held: { icon: "hand", tone: "amber" },
  dead: { icon: "dead", tone: "red" },
  guard: { icon: "loop", tone: "red" },
  nohook: { icon: "unplug", tone: "red" },
  service: { icon: "plug", tone: "red" },
};

const FIRST = 6;

const Named = ({ id, name }: { id?: string | undefined; name: string }) =>
  id === undefined ? <b>{name}</b> : <PeerName id={id} otherwise={name} />;

const sentence = (need: Need): ComponentChildren =>
  needParts(need).map((part) =>
    typeof part === "string" ? part : <Named key={part.name} id={part.id} name={part.name} />,
  );

function readIt({ other, other_id, peer_id }: Need): void {
  const isPair = peer_id !== undefined && other_id !== undefined;
  if (other?.startsWith("@")) go("talk", other);
  else go("talk", isPair ? pairKey(peer_id, other_id) : "");
}

function look(need: Need): void {
  if (need.message_id !== undefined) chosen.value = { kind: "message", id: need.message_id };
  else if (need.peer_id !== undefined) chosen.value = { kind: "peer", id: need.peer_id };
}

const showPeer = (need: Need): void => {
  if (need.peer_id !== undefined) chosen.value = { kind: "peer", id: need.peer_id };
};

function ownerOf(need: Need): string {
  return services.value.find((one) => one.service_id === need.service_id)?.owner_name ?? "";
}

/** Text, and what it does: at once, or at the broker. */
type Action = [text: string, does: { onClick: () => void } | { run: () => Promise<unknown> }];

function actionsOf(need: Need): Action[] {
  switch (need.kind) {
    case "blocked":
      return [["Where is it?", { onClick: () => showPeer(need) }]];
    case "vote":
      return [
        ["Release…", { onClick: () => decideVote(need, "passed") }],
        ["Keep…", { onClick: () => decideVote(need, "rejected") }],
      ];
    case "question":
      return [["Answer", { onClick: () => go("talk", pairKey(OPERATOR, need.peer_id ?? ""), need.message_id) }]];
    case "held":
      return [
        ["Let through…", { onClick: () => decideHeld(need, "accept") }],
        ["Refuse…", { onClick: () => decideHeld(need, "refuse") }],
      ];
    case "dead":
      return [
        ["Send again", { run: () => sendAgain(need) }],
        ["Look", { onClick: () => look(need) }],
      ];
    case "guard":
      return [
        ["Read it", { onClick: () => readIt(need) }],
        ["Mute both", { run: () => muteBoth(need) }],
      ];
    case "nohook":
      return [["Why?", { onClick: () => showPeer(need) }]];
    case "service":
      return [
        ["Ask the owner", { onClick: () => openCompose(ownerOf(need)) }],
        ["Remove…", { onClick: () => removeService(need) }],
      ];
  }
}

const KEYS = ["a", "x"];

function NeedRow({ need }: { need: Need }) {
  const { icon, tone } = KINDS[need.kind];
  const age = needAge(need, now.value);
  const { votes } = need;
  const place = useRef<HTMLLIElement>(null);
  const isWanted = wantedNeed.value === need.need_id;
  useEffect(() => {
    if (!isWanted) return;
    wantedNeed.value = undefined;
    place.current?.focus();
  }, [isWanted]);
  return (
    <li class={`need ${tone}`} data-item tabIndex={0} ref={place}>
      <span class="need-icon">
        <Icon name={icon} size={17} />
      </span>
      <div>
        <p class="need-title">{sentence(need)}</p>
        <p class="need-detail" title={need.what ?? need.detail}>
          {votes && <span class="ballot">{ballotWords(votes)}</span>}
          {need.kind === "blocked" ? (
            <code>
              <bdi dir="auto">{need.what ?? need.detail}</bdi>
            </code>
          ) : (
            <OneLine text={need.detail} of={260} />
          )}
        </p>
      </div>
      <span class={`need-age ${age.isSoon ? "soon" : ""}`}>{age.words}</span>
      <span class="need-actions">
        {actionsOf(need).map(([text, does], i) => (
          <Button key={text} part={KEYS[i]} kind={i === 0 ? "soft small" : "small"} {...does}>
            {text}
          </Button>
        ))}
        <Button part="e" kind="ghost small" icon="x" label="Dismiss (e)" run={() => dismiss(need)} />
      </span>
    </li>
  );
}

export const needCount = (): number => needs.value.length + moreNeeds.value;

export function Needs() {
  const isWhole = useSignal(false);
  const list = needs.value;
  const hasWanted = wantedNeed.value !== undefined;
  useEffect(() => {
    if (hasWanted) isWhole.value = true;
  }, [hasWanted]);
  if (list.length === 0) return null;
  const isCut = !isWhole.value && !hasWanted && list.length > FIRST + 1;
  return (
    <section class="card" aria-label="What needs you">
      <ul>
        {(isCut ? list.slice(0, FIRST) : list).map((need) => (
          <NeedRow key={need.need_id} need={need} />
        ))}
      </ul>
      {isCut && (
        <button type="button" class="more" onClick={() => (isWhole.value = true)}>
          Show {needCount() - FIRST} more
        </button>
      )}
    </section>
  );
}
