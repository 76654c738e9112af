/** Finds the imports in TypeScript source text. */

export interface Import {
  from: string;
  onlyTypes: boolean;
}

export function withoutComments(code: string): string {
  return code.replace(/^\s*\/\*[\s\S]*?\*\/|^\s*\/\/.*$/gm, "");
}

/** Static, dynamic, re-exporting and type imports, and `require`. */
export function importsOf(code: string): Import[] {
  const statements = code.matchAll(/^(import|export)( type\b)?(?: [^"';]*? from)? "([^"\n]+)"/gm);
  const calls = code.matchAll(/\b(?:import|require)\("([^"\n]+)"\)/g);
  return [
    ...[...statements].map(([, , type, from = ""]) => ({ from, onlyTypes: type !== undefined })),
    ...[...calls].map(([, from = ""]) => ({ from, onlyTypes: false })),
  ];
}

/** The package of a module: `@scope/name/sub/path` → `@scope/name`. Modules of node stay as they are. */
export function packageOf(from: string): string {
  if (from.startsWith("node:")) return from;
  return from
    .split("/")
    .slice(0, from.startsWith("@") ? 2 : 1)
    .join("/");
}
