/** Who else may use the broker: other machines, and browsers that are logged in. */
import type { OutputOf } from "../operations/index.ts";
import { confirmFirst, confirmOwnLogOut } from "./confirm.tsx";
import { call } from "./source.ts";
import { say } from "./toast.tsx";
import { Button, Icon } from "./ui.tsx";
import { plural, span } from "./words.ts";
import { now } from "./world.ts";

export type Device = OutputOf<"list_devices">["devices"][number];
export type Browser = OutputOf<"list_browsers">["browsers"][number];

export function Devices({ devices, load }: { devices: Device[]; load: () => Promise<void> }) {
  const revoke = ({ device_id, name, peers }: Device): void =>
    confirmFirst({
      title: `Revoke ${name}?`,
      text: `Its token opens nothing any more, at once and for good. ${plural(peers, "session")} of it go offline; their mail is kept.`,
      yes: "Revoke",
      run: async () => {
        await call("revoke_device", { device: device_id });
        say(`${name} is revoked`);
        await load();
      },
    });
  return (
    <section class="card">
      <header class="card-head">
        <h2>Other machines</h2>
      </header>
      {devices.length === 0 ? (
        <p class="quiet">
          No other machine has a token. To let one in: <code>cct lan-start</code>
        </p>
      ) : (
        <ul class="plain">
          {devices.map((device) => (
            <li key={device.device_id}>
              <Icon name="machine" size={15} />
              <b>
                <bdi>{device.name}</bdi>
              </b>
              <span class="chip">{device.scope}</span>
              <span class="muted">
                {device.last_seen === undefined ? "never seen" : `seen ${span(now.value - device.last_seen)} ago`} ·{" "}
                {plural(device.peers, "session")}
              </span>
              <Button kind="small danger" onClick={() => revoke(device)}>
                Revoke…
              </Button>
            </li>
          ))}
        </ul>
      )}
    </section>
  );
}

export function Browsers({ browsers, load }: { browsers: Browser[]; load: () => Promise<void> }) {
  function revoke({ browser_id: browser, name, own }: Browser): void {
    // Its page says itself that it is logged out.
    if (own) confirmOwnLogOut(() => call("revoke_browser", { browser }));
    else
      confirmFirst({
        title: `Log out ${name}?`,
        text: "Its page closes at once. To come back it needs a new link: cct open.",
        yes: "Log out",
        run: async () => {
          await call("revoke_browser", { browser });
          say(`${name} is logged out`);
          await load();
        },
      });
  }
  const sorted = browsers.toSorted((a, b) => Number(b.own ?? false) - Number(a.own ?? false));
  return (
    <section class="card">
      <header class="card-head">
        <h2>Browsers</h2>
      </header>
      <ul class="plain">
        {sorted.map((browser) => (
          <li key={browser.browser_id}>
            <Icon name="lock" size={15} />
            <b>
              <bdi>{browser.name}</bdi>
            </b>
            {browser.own && <span class="chip accent">this one, yours</span>}
            <span class="chip">{browser.device ?? (browser.on_network ? "a phone" : "the broker’s machine")}</span>
            <span class="muted">since {span(now.value - browser.created_at)}</span>
            <Button kind="small" onClick={() => revoke(browser)}>
              Log out…
            </Button>
          </li>
        ))}
      </ul>
    </section>
  );
}
