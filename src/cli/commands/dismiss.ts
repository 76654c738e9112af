/**
 * `cct attention dismiss`: an id that is not on the list is a mistake, of which one wants to know. Of several, those that are on it
 * are put aside, and the others are named.
 */
import { isUnavailable } from "../../client/client.ts";
import type { OutputOf } from "../../operations/index.ts";
import { CctError } from "../../platform/errors.ts";
import { toJson } from "../parts/output.ts";
import { type Call, print, type Special } from "./call.ts";

const NEXT = "See what is: cct attention --json";

export const dismissCommand: Special = {
  options: () => [],
  worksOffline: () => false,
  async run(call) {
    const ids = [...new Set([call.input.need_id].flat().map(String))];
    const [only = ""] = ids;
    if (ids.length <= 1) return print(call, "dismiss_need", await dismissed(call, only));
    const done: OutputOf<"dismiss_need">[] = [];
    const failed: { need_id: string; error: CctError }[] = [];
    for (const need_id of ids) {
      const away = failed.find(({ error }) => isUnavailable(error));
      const result = away ? away.error : await dismissed(call, need_id).catch(refusal);
      if (result instanceof CctError) failed.push({ need_id, error: result });
      else done.push(result);
    }
    report(call, done, failed);
  },
};

function refusal(error: unknown): CctError {
  if (error instanceof CctError) return error;
  throw error;
}

async function dismissed({ client, input, me }: Call, need_id: string): Promise<OutputOf<"dismiss_need">> {
  const output = await client.callAny("dismiss_need", { ...input, need_id }, me);
  if (output.found) return output;
  const why = input.undo === true ? "was not put aside" : "is not on the list: its cause may be gone";
  throw new CctError("not_found", `'${need_id}' ${why}. Nothing was changed.`, NEXT);
}

/** What was done, then what failed: an error that names each of them. */
function report(
  call: Call,
  done: readonly OutputOf<"dismiss_need">[],
  failed: readonly { need_id: string; error: CctError }[],
): void {
  if (call.json) {
    const errors = failed.map(({ need_id, error: { code, message, hint } }) => ({ need_id, code, message, hint }));
    call.screen.write(toJson({ dismissed: done, failed: errors }));
  } else for (const one of done) print(call, "dismiss_need", one);
  const [first] = failed;
  if (!first) return;
  const all = done.length + failed.length;
  const why = failed.map(({ need_id, error }) =>
    error.message.includes(need_id)
      ? error.message.replace(/ Nothing was changed\.$/, "")
      : `'${need_id}': ${error.message}`,
  );
  const code = failed.find(({ error }) => isUnavailable(error))?.error.code ?? "not_found";
  throw new CctError(code, `${failed.length} of ${all} failed. ${why.join(" ")}`, NEXT);
}
