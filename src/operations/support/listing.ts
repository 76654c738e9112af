/** Input and output fields of listings, which come in pages. */
import * as z from "zod";
import { MAX_PAGE } from "../../rules/listing.ts";

export const pageInput = {
  limit: z.int().min(1).max(MAX_PAGE).optional().describe("at most so many"),
  after: z.string().min(1).max(120).optional().describe("'next' of the page before"),
};

export const pageOutput = {
  next: z.string().optional().describe("there are more: pass it as 'after'"),
};
