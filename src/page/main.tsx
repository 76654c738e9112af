/** Starts the page: logs in when the address has a code, then shows what the broker knows. */
import { render } from "preact";
import { startKeys } from "./keys.ts";
import { startLive } from "./live.ts";
import { LogIn } from "./login.tsx";
import { startLook } from "./look.ts";
import { startRoute } from "./route.ts";
import { Shell } from "./shell.tsx";
import { startTheme } from "./theme.ts";
import { startClock } from "./world.ts";

const root = document.getElementById("root");
const code = location.pathname === "/open" ? location.hash.slice(1) : "";

function start(): void {
  if (!root) return;
  startRoute();
  startClock();
  startLook();
  startKeys();
  render(<Shell />, root);
  void startLive();
}

startTheme();
if (code !== "" && root) render(<LogIn code={code} done={start} />, root);
else start();
