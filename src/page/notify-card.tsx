/** Whether this browser shows notifications, of what, and with how much. */
import { permission, type Tellable, tellable, turnOn, wish, wishes } from "./notify.ts";
import { Button } from "./ui.tsx";

const WORDS: Record<Tellable, string> = {
  blocked: "Sessions that wait for your permission",
  question: "Questions to you",
  vote: "Votes that end within five minutes",
  held: "Mail that is held",
  dead: "Mail that ended unread",
  guard: "Loops that were stopped",
  nohook: "Sessions that do not take their mail",
  service: "Services that do not answer",
  away: "A broker that does not answer",
};

const Check = ({ text, isOn, change }: { text: string; isOn: boolean; change: (isOn: boolean) => void }) => (
  <label>
    <input type="checkbox" checked={isOn} onChange={(event) => change(event.currentTarget.checked)} />
    {text}
  </label>
);

export function NotifyCard() {
  const { isOn, without, withText } = wishes.value;
  const isRefused = isOn && permission() !== "granted";
  return (
    <section class="card" aria-label="Notifications of this browser">
      <header class="card-head">
        <h2>Notifications of this browser</h2>
        {isOn ? (
          <Button kind="small" onClick={() => wish({ isOn: false })}>
            Turn off
          </Button>
        ) : (
          <Button kind="small" icon="bell" run={turnOn}>
            Turn on
          </Button>
        )}
      </header>
      {isOn ? (
        <fieldset class="checks">
          <legend class="sr">What is told</legend>
          {isRefused && <p class="quiet">The browser no longer allows them: see its settings for this address.</p>}
          {tellable.map((kind) => (
            <Check
              key={kind}
              text={WORDS[kind]}
              isOn={!without.includes(kind)}
              change={(on) => wish({ without: on ? without.filter((one) => one !== kind) : [...without, kind] })}
            />
          ))}
          <Check
            text="With the beginning of the text, which then shows on a locked screen too"
            isOn={withText}
            change={(on) => wish({ withText: on })}
          />
        </fieldset>
      ) : (
        <p class="quiet">Off. When on, the browser tells what needs you while no tab with this page is in sight.</p>
      )}
    </section>
  );
}
