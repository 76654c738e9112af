/** Bounded counts: the cost of counting waiting mail must not grow with a mailbox, so counts end, and texts say so. */

/** Counts of waiting mail end here: so much means so much or more. */
export const COUNT_LIMIT = 100;

/** A number of waiting messages in words that stay true when the count ended. */
export const countText = (count: number): string => (count < COUNT_LIMIT ? String(count) : `${COUNT_LIMIT}+`);
