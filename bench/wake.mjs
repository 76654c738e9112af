/** How long the real host takes to wake an idle session; the measurement is the host tests' own. */
export async function wake() {
  return [{ name: "idle wake in the real host, p50 of 10", notMeasured: "needs test/host/wake.ts" }];
}
