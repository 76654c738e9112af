/** Search and do: one box for views, pools, sessions, messages and actions. Also the list of keys. */
import { signal, useSignal } from "@preact/signals";
import { repoOf } from "../rules/texts/people.ts";
import { openCompose } from "./compose.tsx";
import { confirmOwnLogOut } from "./confirm.tsx";
import { Dialog } from "./dialog.tsx";
import type { IconName } from "./icons.ts";
import { areKeysOn, setKeys } from "./key-switch.ts";
import { wordsOf } from "./query.ts";
import { chosen, go } from "./route.ts";
import { type Found, goToMessage, useFound } from "./search.ts";
import { logOut } from "./source.ts";
import { link, nameOf, order, peerOf, pools } from "./state.ts";
import { toggleTheme } from "./theme.ts";
import { Button, Icon } from "./ui.tsx";
import { shownViews } from "./views.ts";
import { hhmm } from "./words.ts";

const mode = signal<"search" | "help" | undefined>(undefined);

export function openPalette(what: "search" | "help" = "search"): void {
  mode.value = what;
}

const close = (): void => {
  mode.value = undefined;
};

export function Palette() {
  if (mode.value === "help") return <Help />;
  return mode.value === "search" ? <Search /> : null;
}

const KEYS: [keys: string[], text: string][] = [
  [["1", "2", "…"], "Views"],
  [["j", "k"], "Next, previous"],
  [["Enter"], "Open"],
  [["a"], "First action of an item"],
  [["x"], "Second action"],
  [["e"], "Dismiss"],
  [["r"], "Reply"],
  [["c"], "New message"],
  [["[", "]"], "Previous, next conversation"],
  [["/", "⌘K"], "Search and do"],
  [["⌘⏎"], "Send"],
  [["Esc"], "Close, back"],
  [["?"], "This list"],
];

function Help() {
  const isOn = useSignal(areKeysOn());
  return (
    <Dialog class="palette" label="Keyboard" close={close}>
      <div class="help">
        <h2>Keyboard</h2>
        <dl>
          {KEYS.map(([keys, text]) => (
            <div>
              <dt>
                {keys.map((key) => (
                  <kbd>{key}</kbd>
                ))}
              </dt>
              <dd>{text}</dd>
            </div>
          ))}
        </dl>
        <label class="check">
          <input
            type="checkbox"
            checked={isOn.value}
            onChange={(event) => {
              isOn.value = event.currentTarget.checked;
              setKeys(isOn.value);
            }}
          />
          Single keys act
        </label>
        <Button onClick={close}>Close</Button>
      </div>
    </Dialog>
  );
}

interface Hit {
  id: string;
  icon: IconName;
  text: string;
  more: string;
  run: () => void;
}

const MOST_PEERS = 30;

function hits(text: string, messages: readonly Found[]): Hit[] {
  const wanted = wordsOf(text).toLowerCase();
  const fits = (...words: string[]): boolean =>
    wanted === "" || words.some((one) => one.toLowerCase().includes(wanted));
  const views = shownViews().map(
    ({ name, text: title, icon }): Hit => ({
      id: `view ${name}`,
      icon,
      text: `Go to ${title}`,
      more: "view",
      run: () => go(name),
    }),
  );
  const ofPools = pools.value
    .filter(({ name, purpose }) => fits(`@${name}`, purpose))
    .map(
      ({ pool_id, name, purpose }): Hit => ({
        id: pool_id,
        icon: "users",
        text: `@${name}`,
        more: purpose,
        run: () => go("talk", `@${name}`),
      }),
    );
  const ofPeers = order.value.flatMap((id): Hit[] => {
    const peer = peerOf(id);
    if (!peer || !fits(peer.name, repoOf(peer), peer.summary)) return [];
    const show = (): void => {
      chosen.value = { kind: "peer", id };
    };
    return [{ id, icon: "pin", text: peer.name, more: `${repoOf(peer)} · ${peer.summary}`, run: show }];
  });
  const actions: Hit[] = [
    { id: "write", icon: "send", text: "New message", more: "action", run: () => openCompose() },
    { id: "theme", icon: "sun", text: "Light or dark", more: "action", run: toggleTheme },
    { id: "keys", icon: "keys", text: "Keyboard", more: "action", run: () => openPalette("help") },
    { id: "out", icon: "out", text: "Log this browser out", more: "action", run: () => confirmOwnLogOut(leave) },
  ];
  const ofMessages = messages.map(
    (message): Hit => ({
      id: message.message_id,
      icon: "talk",
      text: message.snippet,
      more: `${nameOf(message.from, message.from_name)} → ${message.to_name ?? message.to} · ${hhmm(message.sent_at)}`,
      run: () => void goToMessage(message.message_id),
    }),
  );
  const named = (hit: Hit): boolean => fits(hit.text);
  return [...views.filter(named), ...ofPools, ...ofPeers.slice(0, MOST_PEERS), ...ofMessages, ...actions.filter(named)];
}

async function leave(): Promise<void> {
  await logOut();
  link.value = "out";
}

function Search() {
  const text = useSignal("");
  const at = useSignal(0);
  const found = useFound(text.value);
  const list = hits(text.value, found.messages);
  const run = (hit: Hit | undefined): void => {
    if (!hit) return;
    close();
    // The dialog gives the focus back first.
    setTimeout(hit.run);
  };
  function press(event: KeyboardEvent): void {
    const by = { ArrowDown: 1, ArrowUp: -1 }[event.key];
    if (by !== undefined) at.value = Math.max(0, Math.min(list.length - 1, at.value + by));
    else if (event.key === "Enter") run(list[at.value]);
    else return;
    event.preventDefault();
    document.getElementById(`hit-${at.value}`)?.scrollIntoView({ block: "nearest" });
  }
  return (
    <Dialog class="palette" label="Search and do" close={close}>
      <div class="palette-in">
        <Icon name="search" size={18} />
        <input
          data-first
          role="combobox"
          aria-expanded={list.length > 0}
          aria-controls="hits"
          aria-activedescendant={list[at.value] ? `hit-${at.value}` : undefined}
          aria-label="Search sessions, pools, messages and actions"
          placeholder="Search sessions, pools, what was said — or type what to do"
          autocomplete="off"
          spellcheck={false}
          value={text.value}
          onInput={(event) => {
            text.value = event.currentTarget.value;
            at.value = 0;
          }}
          onKeyDown={press}
        />
        <kbd>Esc</kbd>
      </div>
      <ul id="hits" role="listbox" aria-label="Hits">
        {list.map((hit, i) => (
          <li
            id={`hit-${i}`}
            key={hit.id}
            role="option"
            aria-selected={i === at.value}
            class={i === at.value ? "on" : ""}
            onMouseMove={() => {
              at.value = i;
            }}
            onClick={() => run(hit)}
          >
            <Icon name={hit.icon} size={16} />
            <span class="hit">
              <bdi dir="auto">{hit.text}</bdi>
            </span>
            <small>
              <bdi dir="auto">{hit.more}</bdi>
            </small>
          </li>
        ))}
        {list.length === 0 && (
          <li class="none" role="option" aria-selected={false} aria-disabled="true">
            {found.isLooking ? (
              "Looking…"
            ) : (
              <>
                Nothing has “{text.value}” in it. Filters: <code>from:web</code> <code>in:@checkout</code>{" "}
                <code>with:api</code> <code>is:held</code> <code>since:2h</code> <code>before:3d</code>
              </>
            )}
          </li>
        )}
      </ul>
      {found.problem !== "" && <p class="quiet">{found.problem}</p>}
    </Dialog>
  );
}
