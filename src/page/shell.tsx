/** The frame: views at the left, what is chosen at the right, and what lies above the page. */

import { useComputed } from "@preact/signals";
import type { VNode } from "preact";
import { useEffect } from "preact/hooks";
import { needTitle } from "../rules/texts/people.ts";
import { Compose } from "./compose.tsx";
import { Confirm } from "./confirm.tsx";
import { LoggedOut } from "./login.tsx";
import { needCount } from "./needs.tsx";
import { Now } from "./now.tsx";
import { OnDemand, part } from "./on-demand.tsx";
import { openPalette, Palette } from "./palette.tsx";
import { failing } from "./reading.ts";
import { addressOf, chosen, go, route, type View } from "./route.ts";
import { brokerName, isReady, link, trouble } from "./state.ts";
import { toggleTheme } from "./theme.ts";
import { Toast } from "./toast.tsx";
import { Button, Empty, Icon } from "./ui.tsx";
import { shownViews } from "./views.ts";

// What the first view does not need comes when it is first needed.
const later = {
  talk: part("Talk", () => import("./talk.tsx").then(({ Talk }) => Talk)),
  map: part("Map", () => import("./map.tsx").then(({ MapView }) => MapView)),
  time: part("Time", () => import("./time.tsx").then(({ Time }) => Time)),
  cost: part("Cost", () => import("./cost.tsx").then(({ Cost }) => Cost)),
  broker: part("Broker", () => import("./broker.tsx").then(({ Broker }) => Broker)),
};
const details = part("Details", () => import("./details.tsx"));
const background = part("Notifications, and what keeps the place of the keyboard,", async () => {
  const [{ startFocus }, { startNotify }] = await Promise.all([import("./focus.ts"), import("./notify.ts")]);
  startFocus();
  startNotify();
  return true;
});

const LINK_WORDS = { connecting: "Connecting…", live: "Live", lost: "Reconnecting…", out: "Logged out" };

function Rail({ view }: { view: View }) {
  const count = needCount();
  return (
    <nav class="rail" aria-label="Views">
      <div class="brand">
        <span class="mark" aria-hidden="true">
          <i />
          <i />
        </span>
        <span class="brand-text">
          <b>CCT</b>
          <small title={brokerName.value}>{brokerName.value}</small>
        </span>
      </div>
      <ul>
        {shownViews().map(({ name, text, icon }, i) => (
          <li key={name}>
            <a
              href={addressOf(name)}
              aria-current={view === name ? "page" : undefined}
              aria-keyshortcuts={String(i + 1)}
              onClick={(event) => {
                event.preventDefault();
                go(name);
              }}
            >
              <Icon name={icon} size={18} />
              <span>{text}</span>
              {name === "now" && count > 0 && (
                <b class="badge">
                  {count}
                  <span class="sr"> need you</span>
                </b>
              )}
              <kbd aria-hidden="true">{i + 1}</kbd>
            </a>
          </li>
        ))}
      </ul>
      <div class="rail-foot">
        <span class={`link-state ${link.value}`} role="status">
          <i aria-hidden="true" />
          {LINK_WORDS[link.value]}
        </span>
        <Button kind="ghost" icon="keys" label="Keyboard (?)" onClick={() => openPalette("help")} />
        <Button kind="ghost" icon="moon" label="Light or dark" onClick={toggleTheme} />
      </div>
    </nav>
  );
}

/** How many need you, for a screen reader: not more often than this. */
const SAY_MS = 10_000;

function NeedsAloud() {
  const count = needCount();
  const text = count === 0 ? "" : needTitle(count);
  useEffect(() => {
    const place = document.getElementById("needs-aloud");
    const timer = setTimeout(() => {
      if (place && place.textContent !== text) place.textContent = text;
    }, SAY_MS);
    return () => clearTimeout(timer);
  }, [text]);
  return <span id="needs-aloud" class="sr" aria-live="polite" />;
}

function Loading() {
  return (
    <div class="loading" aria-busy="true">
      {[1, 2, 3, 4, 5, 6].map((i) => (
        <i key={i} />
      ))}
    </div>
  );
}

/** What is shown from before, because it cannot be read. */
function Failing() {
  const [why = ""] = failing.value.values();
  if (why === "") return null;
  return (
    <div class="banner amber" role="status">
      <Icon name="alert" />
      <span>
        Not up to date, and read again every two seconds: {[...failing.value.keys()].join(", ")}. <bdi>{why}</bdi>
      </span>
    </div>
  );
}

function Content({ view }: { view: View }) {
  if (trouble.value)
    return (
      <Empty icon="plug" title={trouble.value.message}>
        <p>{trouble.value.hint}</p>
      </Empty>
    );
  if (!isReady.value) return <Loading />;
  if (view === "now") return <Now />;
  return (
    <OnDemand
      key={view}
      of={later[view]}
      meanwhile={<Loading />}
      lacking={(title, whatToDo) => (
        <Empty icon="alert" title={title}>
          {whatToDo}
        </Empty>
      )}
    >
      {(Found) => <Found />}
    </OnDemand>
  );
}

const lackingDetails = (title: string, whatToDo: VNode) =>
  chosen.value && (
    <aside class="inspector" aria-label="Details">
      <div class="insp-close">
        <Button kind="ghost" icon="x" label="Close (Esc)" onClick={() => (chosen.value = undefined)} />
      </div>
      <h2>{title}</h2>
      {whatToDo}
    </aside>
  );

const lackingBackground = (title: string, whatToDo: VNode) =>
  link.value === "live" && (
    <div class="banner amber">
      <Icon name="belloff" />
      <div>
        {title}. {whatToDo}
      </div>
    </div>
  );

export function Shell() {
  const shown = useComputed(() => {
    const { view } = route.value;
    return shownViews().find(({ name }) => name === view) ?? shownViews()[0];
  }).value;
  const view = shown?.name ?? "now";
  const count = needCount();
  useEffect(() => {
    document.title = `${count > 0 ? `(${count}) ` : ""}${shown?.text ?? "Now"} · CCT`;
  }, [count, shown]);
  if (link.value === "out") return <LoggedOut />;
  return (
    <div class={`app view-${view} ${chosen.value ? "with-inspector" : ""}`}>
      <a
        class="skip"
        href="#main"
        onClick={(event) => {
          event.preventDefault();
          document.getElementById("main")?.focus();
        }}
      >
        Skip to the content
      </a>
      <Rail view={view} />
      <main id="main" tabIndex={-1}>
        {link.value === "lost" && isReady.value && (
          <div class="banner" role="alert">
            <Icon name="plug" />
            No connection to the broker. What you see is from before; it goes on by itself when the broker answers.
          </div>
        )}
        {link.value === "live" && <Failing />}
        <OnDemand of={background} lacking={lackingBackground}>
          {() => null}
        </OnDemand>
        <Content view={view} />
      </main>
      {isReady.value && (
        <OnDemand of={details} lacking={lackingDetails}>
          {({ Details }) => <Details />}
        </OnDemand>
      )}
      <NeedsAloud />
      <Palette />
      <Compose />
      <Confirm />
      <Toast />
    </div>
  );
}
