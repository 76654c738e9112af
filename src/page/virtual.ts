/** The one seam to virtua, whose types are React's: lists of which only what is seen is in the document. */
import type { RefObject, VNode } from "preact";
import { h } from "preact";
import { useLayoutEffect, useRef, useState } from "preact/hooks";
import { Virtualizer, VList } from "virtua";

export interface ListHandle {
  scrollToIndex(index: number, options?: { align: "start" | "end" }): void;
  scrollOffset: number;
  scrollSize: number;
  viewportSize: number;
}

interface Rows<T> {
  data: readonly T[];
  children: (row: T, index: number) => VNode;
}

interface ListProps<T> extends Rows<T> {
  handle?: RefObject<ListHandle | null>;
  class?: string;
  onScroll?: (offset: number) => void;
  /** Rows are added at the front: what is seen stays where it is. */
  shift?: boolean;
}

/** A list that scrolls by itself. */
export const List = <T>({ children, handle, class: name, ...rest }: ListProps<T>) =>
  h(VList as never, { ...rest, ref: handle, className: name, children } as never);

/** A list inside of what already scrolls: the nearest `near` around it. */
export function Virtual<T>({ data, children, near, size }: Rows<T> & { near: string; size: number }) {
  const place = useRef<HTMLDivElement>(null);
  const scroller = useRef<Element | null>(null);
  const [margin, setMargin] = useState<number>();
  useLayoutEffect(() => {
    const outer = place.current?.closest(near) ?? null;
    scroller.current = outer;
    if (!outer || !place.current) return;
    const top = place.current.getBoundingClientRect().top - outer.getBoundingClientRect().top;
    const next = Math.round(top + outer.scrollTop);
    if (next !== margin) setMargin(next);
  });
  const list = { scrollRef: scroller, startMargin: margin, itemSize: size, bufferSize: 300, data, children };
  return h("div", { ref: place }, margin === undefined ? null : h(Virtualizer as never, list as never));
}
