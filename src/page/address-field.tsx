/** A field for an address, with a list of who fits. (A `datalist` takes the Esc of the dialog that it is in.) */
import { useSignal } from "@preact/signals";
import { useId } from "preact/hooks";
import { order, peerOf, pools } from "./state.ts";
import { Dot, Icon } from "./ui.tsx";

const SHOWN = 8;

interface Choice {
  address: string;
  about: string;
  presence?: "active" | "idle" | "busy" | "blocked" | "offline";
}

function choices(text: string, only: "sessions" | undefined): Choice[] {
  const wanted = text.trim().toLowerCase();
  const all: Choice[] = [
    ...order.value.flatMap((id) => {
      const peer = peerOf(id);
      return peer ? { address: peer.name, about: peer.summary, presence: peer.presence } : [];
    }),
    ...(only === undefined ? pools.value.map((pool) => ({ address: `@${pool.name}`, about: pool.purpose })) : []),
  ];
  return all.filter(({ address }) => address.toLowerCase().includes(wanted)).slice(0, SHOWN);
}

interface AddressFieldProps {
  value: string;
  onChange: (address: string) => void;
  label?: string;
  placeholder?: string;
  /** Pools are not offered. */
  only?: "sessions";
  hasFocus?: boolean;
}

export function AddressField(props: AddressFieldProps) {
  const { value, onChange, label = "To", placeholder = "a session, @pool or @pool/session", only, hasFocus } = props;
  const id = useId();
  const isOpen = useSignal(false);
  const at = useSignal(0);
  const list = isOpen.value ? choices(value, only) : [];
  const take = (choice: Choice | undefined): void => {
    if (choice) onChange(choice.address);
    isOpen.value = false;
  };
  function press(event: KeyboardEvent): void {
    const isListed = list.length > 0;
    if (event.key === "ArrowDown" || event.key === "ArrowUp") {
      event.preventDefault();
      if (!isOpen.value) isOpen.value = true;
      else at.value = Math.max(0, Math.min(list.length - 1, at.value + (event.key === "ArrowDown" ? 1 : -1)));
    } else if (event.key === "Enter" && isListed) {
      event.preventDefault();
      take(list[at.value]);
    } else if (event.key === "Escape" && isListed) {
      event.preventDefault();
      event.stopPropagation();
      isOpen.value = false;
    }
  }
  return (
    <span class="combo">
      <input
        data-first={hasFocus}
        role="combobox"
        aria-label={label}
        aria-expanded={list.length > 0}
        aria-controls={id}
        aria-autocomplete="list"
        aria-activedescendant={list.length > 0 ? `${id}-${at.value}` : undefined}
        autocomplete="off"
        spellcheck={false}
        value={value}
        placeholder={placeholder}
        onInput={(event) => {
          at.value = 0;
          isOpen.value = true;
          onChange(event.currentTarget.value);
        }}
        onKeyDown={press}
        onBlur={() => (isOpen.value = false)}
      />
      <ul id={id} role="listbox" aria-label="Addresses" hidden={list.length === 0}>
        {list.map((choice, i) => (
          <li
            id={`${id}-${i}`}
            role="option"
            aria-selected={i === at.value}
            class={i === at.value ? "on" : ""}
            onMouseDown={(event) => {
              event.preventDefault();
              take(choice);
            }}
          >
            {choice.presence ? <Dot presence={choice.presence} size={10} /> : <Icon name="users" size={13} />}
            <b>
              <bdi>{choice.address}</bdi>
            </b>
            <small>
              <bdi dir="auto">{choice.about}</bdi>
            </small>
          </li>
        ))}
      </ul>
    </span>
  );
}
