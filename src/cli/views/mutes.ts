/** Decisions of the operator about mail on its way. */
import type { OutputOf } from "../../operations/index.ts";
import { oneLine, span } from "../../rules/text.ts";
import { count, type Screen } from "../parts/output.ts";

const line = (text: string): string => `${oneLine(text, 300)}\n`;

export const decided = ({ name, state }: OutputOf<"decide_held">): string =>
  line(`The message for ${name} is ${state}.`);

const end = (until: number | undefined, now: number): string =>
  until === undefined ? "until you end it" : `for ${span(until - now)}`;

export const muted = ({ name, until }: OutputOf<"mute_peer">, _screen: Screen, now: number): string =>
  line(`${name} is muted ${end(until, now)}: what it sends is held.`);

export const paused = ({ name, until }: OutputOf<"pause_pool">, _screen: Screen, now: number): string =>
  line(`@${name} is paused ${end(until, now)}: what is sent in it is held.`);

export const unmuted = ({ name, released }: OutputOf<"unmute_peer">): string =>
  line(`${name} is not muted; ${goesOn(released)}.`);

export const resumed = ({ name, released }: OutputOf<"resume_pool">): string =>
  line(`@${name} is not paused; ${goesOn(released)}.`);

const goesOn = (released: number): string =>
  released === 0 ? "nothing was held" : `${count(released, "message")} released`;
