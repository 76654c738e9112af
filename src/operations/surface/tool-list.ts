/** The checked-in fields of all tools: of the surface, all that the session server loads at its start. */
import type { FieldType } from "../../rules/toolinput.ts";
import fields from "./tool-fields.json" with { type: "json" };

/** By the names of the tools. */
export const toolFields: Readonly<Record<string, Readonly<Record<string, FieldType>>>> = fields;
