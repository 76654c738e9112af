/** The button that pauses a pool, and resumes it. */
import { setPaused } from "./doing.ts";
import type { Pool } from "./types.ts";
import { Button } from "./ui.tsx";

export const PauseButton = ({ pool }: { pool: Pool }) => (
  <Button
    kind="small"
    icon={pool.paused ? "play" : "pause"}
    pressed={pool.paused !== undefined}
    run={() => setPaused(pool, pool.paused === undefined)}
  >
    {pool.paused ? "Resume" : "Pause"}
  </Button>
);
