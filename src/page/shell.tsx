/** The frame: views at the left, what is chosen at the right, and what lies above the page. */

import { useComputed } from "@preact/signals";
import { lazy, Suspense } from "preact/compat";
import { useEffect } from "preact/hooks";
import { needTitle } from "../rules/texts/people.ts";
import { Compose } from "./compose.tsx";
import { Confirm } from "./confirm.tsx";
import { LoggedOut } from "./login.tsx";
import { needCount } from "./needs.tsx";
import { Now } from "./now.tsx";
import { openPalette, Palette } from "./palette.tsx";
import { failing } from "./reading.ts";
import { addressOf, chosen, go, route, type View } from "./route.ts";
import { brokerName, isReady, link, trouble } from "./state.ts";
import { toggleTheme } from "./theme.ts";
import { Toast } from "./toast.tsx";
import { Button, Empty, Icon } from "./ui.tsx";
import { shownViews } from "./views.ts";

// What the first view does not need comes when it is first needed.
const Talk = lazy(() => import("./talk.tsx").then(({ Talk: component }) => ({ default: component })));
const Details = lazy(() => import("./details.tsx").then(({ Details: component }) => ({ default: component })));
const MapView = lazy(() => import("./map.tsx").then(({ MapView: component }) => ({ default: component })));
const Time = lazy(() => import("./time.tsx").then(({ Time: component }) => ({ default: component })));
const Cost = lazy(() => import("./cost.tsx").then(({ Cost: component }) => ({ default: component })));
const Broker = lazy(() => import("./broker.tsx").then(({ Broker: component }) => ({ default: component })));

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
  return (
    <Suspense fallback={<Loading />}>
      {view === "talk" && <Talk />}
      {view === "map" && <MapView />}
      {view === "time" && <Time />}
      {view === "cost" && <Cost />}
      {view === "broker" && <Broker />}
      {view === "now" && <Now />}
    </Suspense>
  );
}

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
        <Content view={view} />
      </main>
      {isReady.value && (
        <Suspense fallback={null}>
          <Details />
        </Suspense>
      )}
      <NeedsAloud />
      <Palette />
      <Compose />
      <Confirm />
      <Toast />
    </div>
  );
}
