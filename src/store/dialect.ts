/**
 * Where the two databases have no common SQL, a statement holds both forms, and each driver takes its own:
 * `{{sqlite}} … {{postgres}} … {{end}}`. For full-text search; everything else is written once.
 */

export type Dialect = "sqlite" | "postgres";

const BOTH = /\{\{sqlite\}\}([\s\S]*?)\{\{postgres\}\}([\s\S]*?)\{\{end\}\}/g;

/** The statement as this database runs it; empty if it has nothing to do there. */
export const inDialect = (text: string, dialect: Dialect): string =>
  text.includes("{{") ? text.replace(BOTH, dialect === "sqlite" ? "$1" : "$2").trim() : text;
