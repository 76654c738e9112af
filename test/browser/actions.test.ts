/**
 * Everything that a person can do on the page, each by pointer, by keyboard alone from the first Tab, and by touch at 390
 * pixels. The broker is asked what came of it.
 */
import { describe, expect, test } from "vitest";
import { forFile } from "../support/cleanup.ts";
import { noBrowser, openPage, PHONE, type Seen, visit } from "./chromium.ts";
import { handOf, WAYS } from "./hand.ts";
import { needActions } from "./need-actions.ts";
import { type Needy, playNeedy } from "./needy.ts";
import { talkActions } from "./talk-actions.ts";

const all = Object.entries({ ...needActions, ...talkActions });

describe.skipIf(noBrowser()).each(WAYS)("by %s", (way) => {
  const options = way === "touch" ? PHONE : {};
  let opened: Promise<Needy & Seen> | undefined;
  const open = (): Promise<Needy & Seen> =>
    forFile(async () => {
      const needy = await playNeedy();
      return { ...needy, ...(await openPage(needy.broker, options)) };
    });

  test.each(all)("%s", async (_what, act) => {
    opened ??= open();
    const { page, complaints, ...needy } = await opened;
    await visit(page, needy.broker, "/now");
    await act({ ...needy, ...handOf(way, page), page, way, other: () => openPage(needy.broker) });
    // A browser that was logged out is told so.
    expect(complaints.filter((line) => !line.includes("401"))).toEqual([]);
  });
});
