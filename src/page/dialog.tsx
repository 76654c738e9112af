/** A window above the page: the browser's own dialog, which keeps the focus and closes with Esc. */
import type { ComponentChildren } from "preact";
import { useLayoutEffect, useRef } from "preact/hooks";

interface DialogProps {
  label: string;
  class: string;
  close: () => void;
  children: ComponentChildren;
}

/** It is open for as long as it is there. The focus goes back to where it was. */
export function Dialog({ label, class: name, close, children }: DialogProps) {
  const ref = useRef<HTMLDialogElement>(null);
  // Before the next key arrives: what is typed right after "/" is meant for the dialog.
  useLayoutEffect(() => {
    const before = document.activeElement;
    ref.current?.showModal();
    ref.current?.querySelector<HTMLElement>("[data-first]:not([data-first=false])")?.focus();
    return () => {
      if (before instanceof HTMLElement) before.focus();
    };
  }, []);
  return (
    <dialog
      ref={ref}
      class={name}
      aria-label={label}
      onClose={close}
      onKeyDown={(event) => {
        if (event.key !== "Escape" || event.defaultPrevented) return;
        // The browser would close it a moment later, and the next key would not find it closed.
        event.preventDefault();
        event.stopPropagation();
        close();
      }}
      onClick={(event) => {
        if (event.target === ref.current) ref.current?.close();
      }}
    >
      {children}
    </dialog>
  );
}
