/** Tests that search for rare faults do so for a moment by default, and for long with `CCT_TEST_SOAK=full`. */
export const isSoak = process.env.CCT_TEST_SOAK === "full";

/** How often to try something: `few` times by default, `many` in a soak test. */
export const times = (few: number, many: number): number => (isSoak ? many : few);
