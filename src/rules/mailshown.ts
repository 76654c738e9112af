/** The steps about mail that hooks have taken: how far they came with it, and what the broker is to be told of that. */
import { expectMail, report, reportOn, without } from "./mailclaims.ts";
import { emptyFile, reportsIn } from "./mailfile.ts";
import { before, type Rules, resultOf, type Step } from "./mailjobs.ts";
import { claimsIn, type TakenFile } from "./spoolfile.ts";

/** A hook that has not printed the mail this long after it took it has died. */
const HOOK_TIMEOUT_MS = 10_000;

type ShownStep =
  | "settle"
  | "acknowledge"
  | "withdraw"
  | "withdraw doubles"
  | "remove"
  | "empty spool"
  | "discard"
  | "confirm"
  | "drop unconfirmed";

export const shownSteps: Rules<ShownStep> = {
  settle: {
    effect: () => ({ do: "look" }),
    end(state, _step, result, now) {
      const { mail, files } = resultOf(result, "look") ?? { mail: false, files: [] };
      const known = mail ? state : { ...state, file: emptyFile };
      return before(
        known,
        files.flatMap((file): Step[] => {
          if (file.stage === "taken") return now - file.since < HOOK_TIMEOUT_MS ? [] : [{ do: "withdraw", file }];
          if (file.stage === "read")
            return [
              { do: "acknowledge", file },
              { do: "remove", file },
            ];
          return state.delivered.has(file.batch) ? [] : [{ do: "acknowledge", file }];
        }),
      );
    },
  },

  acknowledge: {
    effect: ({ open }, { file }) => {
      const ack = reportOn(file);
      return ack.claims.length === 0 ? undefined : { do: "acknowledge", ack, former: !open };
    },
    end: (state, { file }) => ({ ...state, delivered: new Set([...state.delivered, file.batch]) }),
  },

  withdraw: {
    effect: (_state, { file }) => ({ do: "withdraw", file }),
    // The hook may have printed the mail before it died, so it counts as lost and not as returned. Or it has put the mail back because
    // the host dropped it, after it was delivered.
    end(state, { file }, result) {
      if (!resultOf(result, "withdraw")) return state;
      const delivered = without(state.delivered, [file.batch]);
      return report({ ...state, delivered }, claimsIn(file.content), "lost");
    },
  },

  "withdraw doubles": {
    effect: () => ({ do: "look" }),
    end(state, { ids }, result) {
      const { files = [] } = resultOf(result, "look") ?? {};
      const isDouble = ({ stage, content }: TakenFile): boolean =>
        stage === "taken" && claimsIn(content).some(({ message_id }) => ids.includes(message_id));
      return before(
        state,
        files.filter(isDouble).map((file): Step => ({ do: "withdraw", file })),
      );
    },
  },

  remove: {
    effect: (_state, { file }) => ({
      do: "remove",
      file,
      reports: file.stage === "read" ? reportsIn(file.content) : [],
    }),
    end: (state, { file }) => ({ ...state, delivered: without(state.delivered, [file.batch]) }),
  },

  "empty spool": {
    effect: () => ({ do: "look" }),
    end(state, step, result) {
      const { files = [] } = resultOf(result, "look") ?? {};
      return before(
        state,
        files.map((file): Step => {
          if (step.report && file.stage === "taken") return { do: "withdraw", file };
          return { do: "discard", file, report: step.report };
        }),
      );
    },
  },

  discard: {
    effect: (_state, { file }) => ({ do: "remove", file, reports: [] }),
    end: (state, step) =>
      step.report ? { ...state, unconfirmed: [...state.unconfirmed, reportOn(step.file)] } : state,
  },

  confirm: {
    effect({ unconfirmed: [ack], open }) {
      return ack && { do: "acknowledge", ack, former: !open };
    },
    end(state) {
      const [ack, ...unconfirmed] = state.unconfirmed;
      if (!ack) return state;
      const comesAgain = ack.outcome === "returned" || ack.outcome === "lost";
      return before(comesAgain ? expectMail({ ...state, unconfirmed }) : { ...state, unconfirmed }, [
        { do: "confirm" },
      ]);
    },
  },

  "drop unconfirmed": { end: (state) => ({ ...state, unconfirmed: [] }) },
};
