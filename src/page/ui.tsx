/** The small parts that everything is made of. */
import { useSignal } from "@preact/signals";
import { type ComponentChildren, h } from "preact";
import { useRef } from "preact/hooks";
import { presenceWords } from "../rules/texts/people.ts";
import { countedWords, stateOfAll, stateWords, totalOf } from "../rules/texts/receipts.ts";
import { type IconName, icons } from "./icons.ts";
import { chosen } from "./route.ts";
import { Refusal } from "./source.ts";
import { link, nameOf, peers } from "./state.ts";
import { Name } from "./text.tsx";
import type { MessageRow, Peer, Presence, Receipt, State } from "./types.ts";
import { exactTime, hhmm } from "./words.ts";
import { now } from "./world.ts";

export const Icon = ({ name, size = 16 }: { name: IconName; size?: number }) => (
  <svg class="icon" width={size} height={size} viewBox="0 0 24 24" aria-hidden="true">
    {icons[name].map(([tag, attributes]) => h(tag, attributes))}
  </svg>
);

/** Shape and colour both say it: who cannot see the one sees the other. */
export function Dot({ presence, size = 12 }: { presence: Presence; size?: number }) {
  return (
    <svg class={`dot dot-${presence}`} width={size} height={size} viewBox="0 0 12 12" role="img" aria-label={presence}>
      {presence === "active" && <circle cx="6" cy="6" r="4.5" class="fill" />}
      {presence === "idle" && <circle cx="6" cy="6" r="3.75" class="ring" />}
      {presence === "busy" && (
        <>
          <circle cx="6" cy="6" r="3.75" class="ring" />
          <path d="M6 6V2.2A3.8 3.8 0 0 1 6 9.8Z" class="fill" />
        </>
      )}
      {presence === "blocked" && (
        <>
          <rect x="1" y="1" width="10" height="10" rx="2.5" class="fill" />
          <path d="M6 3.2v3.4M6 8.6v.2" class="mark" />
        </>
      )}
      {presence === "offline" && <circle cx="6" cy="6" r="3.75" class="ring dashed" />}
    </svg>
  );
}

export const presenceText = (peer: Peer): string => presenceWords(peer, now.value);

export function PeerName({ id, otherwise }: { id: string; otherwise?: string }) {
  const peer = peers.get(id)?.value;
  if (!peer) return <span class="who you">{nameOf(id, otherwise)}</span>;
  return (
    <button
      type="button"
      class="who link"
      title={peer.name}
      onClick={(event) => {
        event.stopPropagation();
        chosen.value = { kind: "peer", id };
      }}
    >
      <Name of={peer.name} />
    </button>
  );
}

interface ButtonProps {
  children?: ComponentChildren;
  /** `primary`, `soft`, `ghost`, `danger`, `small`, `tiny`, `link`. */
  kind?: string;
  icon?: IconName;
  onClick?: (event: MouseEvent) => void;
  /** Asks the broker for something. The button waits for it, and says why it failed. */
  run?: () => Promise<unknown>;
  /** The key that presses it. */
  keys?: string;
  label?: string;
  pressed?: boolean;
  disabled?: boolean;
  /** What the keyboard presses it with, in its item. */
  part?: string;
  type?: "button" | "submit";
}

/** Shorter work is not shown. */
const SHOW_RUNNING_MS = 150;

export function Button(props: ButtonProps) {
  const { children, kind = "", icon, onClick, run, keys, label, pressed, part, type = "button" } = props;
  const isRunning = useSignal(false);
  const failure = useSignal<Refusal | undefined>(undefined);
  /** A second press within that time does nothing. */
  const isStarted = useRef(false);
  // It keeps the focus while it waits: one that is disabled would lose it.
  const isWaiting = isRunning.value || (run !== undefined && link.value !== "live");

  async function start(work: () => Promise<unknown>): Promise<void> {
    if (isWaiting || isStarted.current) return;
    isStarted.current = true;
    failure.value = undefined;
    const shown = setTimeout(() => {
      isRunning.value = true;
    }, SHOW_RUNNING_MS);
    try {
      await work();
    } catch (error) {
      if (!(error instanceof Refusal)) throw error;
      failure.value = error;
    } finally {
      clearTimeout(shown);
      isStarted.current = false;
      isRunning.value = false;
    }
  }

  return (
    <span class="btn-place" data-key={part}>
      <button
        type={type}
        class={`btn ${kind}`}
        disabled={props.disabled}
        aria-disabled={isWaiting || undefined}
        aria-busy={isRunning.value || undefined}
        aria-label={label}
        title={label}
        aria-keyshortcuts={keys}
        aria-pressed={pressed}
        onClick={run ? () => void start(run) : onClick}
      >
        {icon && <Icon name={icon} size={15} />}
        {children}
        {keys?.length === 1 && <kbd aria-hidden="true">{keys}</kbd>}
      </button>
      {failure.value && <Failure error={failure.value} close={() => (failure.value = undefined)} />}
    </span>
  );
}

/** An error, where one pressed. */
export const Failure = ({ error, close }: { error: Refusal; close: () => void }) => (
  <span class="failure" role="alert">
    <b>{error.message}</b> {error.hint}
    <button type="button" class="link" onClick={close}>
      Close
    </button>
  </span>
);

const STATE_ICONS: Record<State, IconName> = {
  queued: "clock",
  claimed: "clock",
  delivered: "check",
  read: "checks",
  held: "hand",
  expired: "timer",
  refused: "slash",
  dead: "dead",
};

export function StateOf({ one }: { one: Receipt }) {
  const { words, at } = stateWords(one);
  return (
    <span class={`state state-${one.state}`} title={at === undefined ? one.reason : exactTime(at)}>
      <Icon name={STATE_ICONS[one.state]} size={13} />
      {words}
      {at === undefined ? "" : ` ${hhmm(at)}`}
    </span>
  );
}

/** One receipt in words, many as a count of what is left to say. */
export function Receipts({ message }: { message: MessageRow }) {
  const [only] = message.recipients;
  if (only && totalOf(message) === 1) return <StateOf one={only} />;
  const state = stateOfAll(message);
  return (
    <span class={`state state-${state}`}>
      {totalOf(message) > 0 && <Icon name={state === "dead" ? "alert" : STATE_ICONS[state]} size={13} />}
      {countedWords(message)}
    </span>
  );
}

export const Empty = ({ icon, title, children }: { icon: IconName; title: string; children?: ComponentChildren }) => (
  <div class="page first">
    <div class="empty">
      <span class="empty-icon">
        <Icon name={icon} size={22} />
      </span>
      <h1>{title}</h1>
      {children}
    </div>
  </div>
);

interface SegProps<T extends string> {
  label: string;
  value: T;
  options: (readonly [T, string])[];
  onChange: (value: T) => void;
}

/** A choice of one. */
export function Seg<T extends string>({ label, value, options, onChange }: SegProps<T>) {
  const at = options.findIndex(([one]) => one === value);
  function step(event: KeyboardEvent): void {
    const by = { ArrowRight: 1, ArrowDown: 1, ArrowLeft: -1, ArrowUp: -1 }[event.key];
    const next = by === undefined ? undefined : options[(at + by + options.length) % options.length];
    if (!next || !(event.currentTarget instanceof HTMLElement)) return;
    event.preventDefault();
    event.stopPropagation();
    onChange(next[0]);
    const buttons = event.currentTarget.querySelectorAll("button");
    buttons[options.indexOf(next)]?.focus();
  }
  return (
    <div class="seg" role="radiogroup" aria-label={label} onKeyDown={step}>
      {options.map(([one, text]) => (
        <button
          type="button"
          role="radio"
          aria-checked={one === value}
          tabIndex={one === value ? 0 : -1}
          class={one === value ? "on" : ""}
          onClick={() => onChange(one)}
        >
          {text}
        </button>
      ))}
    </div>
  );
}
