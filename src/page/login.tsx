/** What a browser sees that is not logged in, and the login itself. */
import { useSignal } from "@preact/signals";
import { useEffect } from "preact/hooks";
import { Command } from "./command.tsx";
import { goFirst } from "./route.ts";
import { logIn, Refusal } from "./source.ts";
import { Icon } from "./ui.tsx";

export function LoggedOut({ problem }: { problem?: Refusal | undefined }) {
  return (
    <main class="page first" id="main">
      <div class="empty">
        <span class="empty-icon">
          <Icon name="lock" size={22} />
        </span>
        <h1>{problem?.message ?? "This browser is not logged in"}</h1>
        <p>On the broker's machine, in a terminal:</p>
        <Command>cct open</Command>
        <p class="quiet">It opens this page with a link that works once. Over ssh it prints the link and the tunnel.</p>
      </div>
    </main>
  );
}

/** Logs in with the code in the address, which goes no further than this browser, and takes it out of the address. */
export function LogIn({ code, done }: { code: string; done: () => void }) {
  const problem = useSignal<Refusal | undefined>(undefined);
  useEffect(() => {
    goFirst("now");
    logIn(code).then(done, (error: unknown) => {
      problem.value = error instanceof Refusal ? error : new Refusal("internal", "The login failed.", "");
    });
  }, []);
  return problem.value ? <LoggedOut problem={problem.value} /> : null;
}
