/**
 * Keeps the focus where a person works. When what has it goes away, the next row of its list takes it, or what came in its place,
 * or the heading of the list; after a dialog, what it was opened from, or what follows that. Without this the browser puts the
 * focus at the beginning of the page.
 */

const FOCUSABLE =
  'a[href], button:not([disabled]), input:not([disabled]), textarea:not([disabled]), select:not([disabled]), [tabindex]:not([tabindex="-1"])';
/** What lies above the page, and goes without a trace. */
const LAYERS = "dialog, .inspector, .toast-place";
/** Rows of a list. */
const ROW = "li, tr, [role=row], [data-item]";
/** Parts with a heading: when one of them goes as a whole, no neighbour of it is meant. */
const PART = "section, ul, ol, table, nav, .page, .talk";

/** What had the focus last in one layer. */
interface Held {
  /** `null`: the page itself. */
  layer: Element | null;
  element: HTMLElement;
}

/** The layer that had the focus last is the last one. */
let held: Held[] = [];

function noteFocus({ target }: FocusEvent): void {
  if (!(target instanceof HTMLElement)) return;
  const layer = target.closest(LAYERS);
  held = [...held.filter((one) => one.layer !== layer), { layer, element: target }];
}

/** Who clicks beside everything has no place in the page any more. */
function forgetFocus({ target }: Event): void {
  if (target instanceof Element && !target.closest(`${FOCUSABLE}, label`)) held = [];
}

const isFocusFree = (): boolean => document.activeElement === null || document.activeElement === document.body;

const isElement = (node: Node | null): node is HTMLElement => node instanceof HTMLElement;

const focusablesIn = (place: Element): HTMLElement[] => [...place.querySelectorAll<HTMLElement>(FOCUSABLE)];

function changed(records: readonly MutationRecord[]): void {
  if (held.length === 0) return;
  const wasMoved = held.at(-1);
  const isLost = held.some(({ element }) => !element.isConnected);
  // A row that only changed its place loses the focus, too.
  if (!isLost && !(wasMoved && isFocusFree() && removalOf(wasMoved.element, records))) return;
  held = held.flatMap((one): Held[] => {
    if (one.element.isConnected) return [one];
    if (one.layer && (!one.layer.isConnected || one.layer.matches(".toast-place"))) return [];
    const element = nextOf(one.element, records);
    return element ? [{ ...one, element }] : [];
  });
  if (isFocusFree()) held.at(-1)?.element.focus();
}

const removalOf = (element: Node, records: readonly MutationRecord[]) =>
  records
    .flatMap((record) => [...record.removedNodes].map((node) => ({ record, node })))
    .find(({ node }) => node.contains(element));

/** What takes the focus of an element that is not there any more. */
function nextOf(element: HTMLElement, records: readonly MutationRecord[]): HTMLElement | undefined {
  const removal = removalOf(element, records);
  if (!removal) return undefined;
  const { record, node } = removal;
  const { target } = record;
  if (!isElement(target) || !target.isConnected) return undefined;
  // Another view: its beginning.
  if (target.id === "main") return target;
  const gone = isElement(node) ? node : element;
  const at = gone === element ? -1 : focusablesIn(gone).indexOf(element);
  const isRow = gone.matches(ROW);
  const after = neighbours(record, records, "nextSibling");
  const before = neighbours(record, records, "previousSibling");
  const inPlace = records.flatMap(({ target: where, addedNodes }) => (target.contains(where) ? [...addedNodes] : []));
  const find = (all: Node[], place: number): HTMLElement | undefined => {
    for (const one of all) {
      const found = isElement(one) && one.isConnected ? focusIn(one, place) : undefined;
      if (found) return found;
    }
    return undefined;
  };
  if (isRow) return find(after, at) ?? find(before, at) ?? headingOf(target);
  if (gone.matches(PART)) return headingOf(target);
  return find([...inPlace, ...after], 0) ?? find(before, LAST) ?? headingOf(target);
}

const LAST = Number.MAX_SAFE_INTEGER;

/** The row itself, or what stands in it where the focus was. */
function focusIn(place: HTMLElement, at: number): HTMLElement | undefined {
  if (place.matches(FOCUSABLE)) return place;
  const all = focusablesIn(place);
  const rows = all.filter((one) => one.matches("[data-item]"));
  const some = rows.length > 0 ? rows : all;
  return some[Math.min(Math.max(0, at), some.length - 1)];
}

/** What stood beside it and is still there, the nearest first. Others may have gone with it. */
function neighbours(
  removal: MutationRecord,
  records: readonly MutationRecord[],
  side: "nextSibling" | "previousSibling",
): Node[] {
  const goneBeside = (node: Node | null): Node | null => {
    let next = node;
    for (let steps = 0; next && !next.isConnected && steps < records.length; steps++) {
      const away = next;
      next = records.find((one) => [...one.removedNodes].includes(away))?.[side] ?? null;
    }
    return next;
  };
  const all: Node[] = [];
  for (let node = goneBeside(removal[side]); node; node = node[side]) all.push(node);
  return all;
}

function headingOf(place: Element): HTMLElement | undefined {
  const part = place.closest("section, aside, dialog, main");
  const heading = part?.querySelector<HTMLElement>("h1, h2, h3") ?? document.querySelector<HTMLElement>("main h1");
  if (heading) heading.tabIndex = -1;
  return heading ?? undefined;
}

export function startFocus(): void {
  addEventListener("focusin", noteFocus);
  addEventListener("pointerdown", forgetFocus, true);
  new MutationObserver(changed).observe(document.body, { childList: true, subtree: true });
}
