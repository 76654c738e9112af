/** Something that the person does at the broker, with its result in words and its way back. */
import type { Client } from "../client/client.ts";

export interface Done {
  text: string;
  undo?: Deed;
}

export type Deed = (client: Client) => Promise<Done>;
