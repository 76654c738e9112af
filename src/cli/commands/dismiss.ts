/** `cct attention dismiss`: an id that is not on the list is a mistake, of which one wants to know. */
import { CctError } from "../../platform/errors.ts";
import { print, type Special } from "./call.ts";

export const dismissCommand: Special = {
  options: () => [],
  worksOffline: () => false,
  async run(call) {
    const output = await call.client.callAny("dismiss_need", call.input, call.me);
    if (output.found) return print(call, "dismiss_need", output);
    const isUndo = call.input.undo === true;
    throw new CctError(
      "not_found",
      `'${output.need_id}' ${isUndo ? "was not put aside" : "is not on the list: its cause may be gone"}. Nothing was changed.`,
      "See what is: cct attention --json",
    );
  },
};
